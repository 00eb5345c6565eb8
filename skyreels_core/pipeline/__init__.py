"""Voice and picture, or voice and video, to frames: the whole way without a host."""

from ..run.settings import Settings
from .animate import animate
from .edit import edit
from .region import find_region
from .result import Report, Result

__all__ = ["Report", "Result", "Settings", "animate", "edit", "find_region"]
