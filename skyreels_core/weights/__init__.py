"""Files of weights: headers, known layouts, loading."""
