"""SkyReels-Audio (arXiv 2506.00830): talking portraits driven by a voice, without any host."""

__version__ = "0.2.0"
