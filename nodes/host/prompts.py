"""A conditioning with other texts behind its first one, for other times of the video."""

from __future__ import annotations

from dataclasses import dataclass

import node_helpers
from torch import Tensor

from ...skyreels_core.conditioning.prompts import PromptSchedule, middle
from ...skyreels_core.errors import InputError
from ...skyreels_core.windows import WindowPlan

KEY = "skyreels_audio_prompts"


@dataclass(frozen=True, eq=False)
class Texts:
    """Of a schedule, in its order, each as the text encoder gives it."""

    schedule: PromptSchedule
    encoded: tuple[list, ...]


def encode_texts(clip, schedule: PromptSchedule) -> list:
    """The first text's conditioning, which any node takes for a plain one, with all of them under KEY."""
    made = {
        text: clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in dict.fromkeys(schedule.texts)
    }
    texts = Texts(schedule, tuple(made[text] for text in schedule.texts))
    return node_helpers.conditioning_set_values(texts.encoded[0], {KEY: texts})


def schedules_in(conditioning: list) -> list[PromptSchedule]:
    """Each once, in order; joined conditionings may have several."""
    return list(dict.fromkeys(options[KEY].schedule for _, options in conditioning if KEY in options))


def at_time(conditioning: list, seconds: float) -> list:
    """What holds then: the texts of schedules with everything that later nodes put on their first ones."""
    return [_entry(tokens, options, seconds) for tokens, options in conditioning]


def spread(
    side: str, conditioning: list, plan: WindowPlan, fps: float
) -> tuple[dict[str, list], tuple[str, ...]]:
    """Conditionings by name, `side` being the one as it came, and for each window the name of its own."""
    schedules = schedules_in(conditioning)
    named, names = {(0,) * len(schedules): (side, conditioning)}, []
    for window in plan.windows:
        chosen = tuple(schedule.of_window(window, fps) for schedule in schedules)
        if chosen not in named:
            named[chosen] = f"{side} {len(named)}", at_time(conditioning, middle(window, fps))
        names.append(named[chosen][0])
    return dict(named.values()), tuple(names)


def _entry(tokens: Tensor, options: dict, seconds: float) -> list:
    texts: Texts | None = options.get(KEY)
    if texts is None:
        return [tokens, options]
    place = next((place for place, (first, _) in enumerate(texts.encoded[0]) if first is tokens), None)
    if place is None:
        raise InputError(
            "A node such as Conditioning Concat or Average changed the first prompt of Prompt Schedule, but "
            "not the later ones. Remove that node."
        )
    told, own = texts.encoded[texts.schedule.at(seconds)][place]
    first = texts.encoded[0][place][1]
    added = {name: value for name, value in options.items() if name not in first or value is not first[name]}
    return [told, {name: value for name, value in {**own, **added}.items() if name != KEY}]
