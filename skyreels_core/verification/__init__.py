"""Evidence from whoever has the weights: fixed jobs on their server, measured and packed into one file."""
