"""Reading, writing and finishing video."""
