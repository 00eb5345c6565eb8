"""Voice and picture, or voice and video, to frames: the whole way without a host. Each step is imported from its own
file, as the graph's nodes take only the last of them."""
