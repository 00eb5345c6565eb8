"""Training the demo's people from nothing but speech: rendering, all networks, samples, measures, in a given time."""
