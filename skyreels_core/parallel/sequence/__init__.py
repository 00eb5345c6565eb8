"""One forward pass split among several devices: each has a part of the tokens (Unified Sequence Parallelism, Fang and
Zhao 2024, arXiv 2405.07719). Nobody has seen it on two GPUs: it is off unless asked for."""
