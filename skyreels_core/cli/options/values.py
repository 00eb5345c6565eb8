"""The values of options: what argparse calls for each of them."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

from ...typed import read_frame_rate, read_number, read_whole
from ...weights.lora import Lora, read_lora

INTEGER = re.compile(r"\s*[-+]?\d[\d.,\s'\u2019]*")  # no exponent, no share
NO_RATE = ("nan", "inf", "infinity")  # that the timeline refuses in its own words

Number = TypeVar("Number", int, float)


def face(text: str) -> str | int:
    return text if text in ("largest", "all") else whole(0, 99)(text)


def words(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentTypeError("it is not valid Unicode; use a terminal with UTF-8") from None
    return text


def threshold(text: str) -> float:
    value = number(text)
    if not value >= 0:
        raise ArgumentTypeError(f"must be a number, 0 or greater, got {text}")
    return value


def number(text: str) -> float:
    try:
        return float(text)  # NaN and infinity too, of which the checks of the options say what is possible
    except ValueError:
        return typed(read_number, text, "must be a number such as 0.5")


def lora(text: str) -> Lora:
    try:
        return read_lora(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def frame_rate(text: str) -> float:
    if text.strip().lower().lstrip("+-") in NO_RATE:
        return float(text)
    return typed(read_frame_rate, text, "must be frames per second, such as 25, 29.97 or 30000/1001")


def integer(text: str) -> int:
    return typed(read_whole, text if INTEGER.fullmatch(text) else "", "must be an integer", text)


def whole(low: int, high: int) -> Callable[[str], int]:
    def bounded(text: str) -> int:
        needed = f"must be an integer between {low} and {high}"
        value = typed(read_whole, text if INTEGER.fullmatch(text) else "", needed, text)
        if not low <= value <= high:
            raise ArgumentTypeError(f"{needed}, got {text}")
        return value

    return bounded


def typed(read: Callable[[str], Number], text: str, needed: str, given: str | None = None) -> Number:
    try:
        return read(text)
    except ValueError as error:
        reason = f": {error}" if str(error) else ""
        raise ArgumentTypeError(f"{needed}, got {text if given is None else given}{reason}") from None
