"""SkyReels-Audio (arXiv 2506.00830): talking portraits driven by a voice, without any host."""

from .moved import keep_old_paths

__version__ = "0.2.0"

keep_old_paths(__name__)
