"""Several devices for one run: the forward passes of a step are dealt to workers, or one is split among several of
them. It knows no model; what a worker computes is told to it by name."""
