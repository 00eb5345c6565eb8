"""The parts of `benchmarks.gpu`, each a function of `Sizes` that gives seconds by name."""
