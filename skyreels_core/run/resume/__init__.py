"""What a run would lose if it were killed, kept in a folder until its video is whole."""

from .fingerprint import digest
from .folder import TensorFolder, WorkFolder
from .resuming import Resumable

__all__ = ["Resumable", "TensorFolder", "WorkFolder", "digest"]
