"""The stages of the funnel, in their order."""

from .captions import Captions
from .length import Shots
from .portrait import Portrait
from .quality import Quality
from .sound import Sound
from .stage import Rule, Stage, Tools, Value, Values, state_of
from .sync import Sync

STAGES: tuple[Stage, ...] = (Shots(), Quality(), Portrait(), Sound(), Sync(), Captions())

__all__ = ["STAGES", "Rule", "Stage", "Tools", "Value", "Values", "state_of"]
