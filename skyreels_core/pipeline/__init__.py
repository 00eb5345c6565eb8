"""Voice and picture, or voice and video, to frames: the whole way without a host."""

from .animate import animate
from .edit import edit
from .options import Settings
from .region import find_region
from .result import Report, Result

__all__ = ["Report", "Result", "Settings", "animate", "edit", "find_region"]
