"""Numbers, frame rates and paths as people type, copy and export them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

BLANKS = " \t\r\n\u00a0\u2007\u202f\u3000\u200b\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
# at the ends of what is copied from pages, tables and the windows of systems
QUOTES = {
    '"': '"', "'": "'", "`": "`", "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u2039": "\u203a", "\u300c": "\u300d",
    "\u201c": "\u201d\u201c", "\u201d": "\u201d", "\u201e": "\u201c\u201d",
    "\u2018": "\u2019", "\u2019": "\u2019", "\u201a": "\u2018\u2019",
}  # fmt: skip
LONGEST = 60  # characters of a number

PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?")  # a decimal comma
RATIO = re.compile(r"([-+]?\d+)\s*/\s*(\d+)")
GROUPED = tuple(
    (re.compile(rf"[-+]?\d{{1,3}}({mark}\d{{3}}){count}({point}\d+)?"), mark_out, point_out)
    for mark, count, point, mark_out, point_out in (
        (r"[ \u00a0\u202f'\u2019]", "+", "[.,]", r"[ \u00a0\u202f'\u2019]", ","),
        (r"\.", "+", ",", r"\.", ","),
        (",", "+", r"\.", ",", "."),
    )
)  # 1 000,5 and 1.000,5 and 1,000.5
UNCLEAR = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # 1,000 is 1 in Berlin and 1000 in London
UNCLEAR_WHOLE = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
SHORTENED = re.compile(r"[-+]?\d[.,]\d+e\+?\d{2}", re.IGNORECASE)  # 1.23457E+14: the other digits are lost
NTSC = tuple(Fraction(1000 * rate, 1001) for rate in (24, 30, 48, 60, 96, 120))
RATE_UNIT = re.compile(r"\s*(fps|frames/s|frames per second|hz|p)$", re.IGNORECASE)
ESCAPE = re.compile(r"(%[0-9A-Fa-f]{2})+")
LOCAL = re.compile(r"file:", re.IGNORECASE)


def read_number(text: str) -> int | float:
    """'2.5', '2,5', '1.000,5', '1e3', '50%' or '3/4'. Raises ValueError for what is no number and, with the reason, for
    what may be two."""
    plain = text.strip(BLANKS).replace("\u2212", "-").lower()
    if len(plain) > LONGEST:
        raise ValueError
    share = plain.endswith("%")
    value = _number(plain.removesuffix("%").rstrip(BLANKS) if share else plain)
    return value / 100 if share else value


def read_whole(text: str) -> int:
    """A number without a fraction: '25', '25.0', '25,0', '1E+05'. Raises ValueError for others."""
    plain = text.strip(BLANKS)
    if UNCLEAR_WHOLE.fullmatch(plain):
        raise ValueError(_either(plain, "."))
    if SHORTENED.fullmatch(plain):
        raise ValueError("a spreadsheet shortened it: give the column the format Text and type it again")
    value = read_number(plain)
    if value != int(value):
        raise ValueError
    return int(value)


def read_frame_rate(text: str) -> float:
    """Frames per second: '25', '29,97', '30000/1001' or '25 fps'. Television's rates are meant where they are rounded
    as usual: 29.97 is 30000/1001. Raises ValueError for what is no number."""
    plain = RATE_UNIT.sub("", text.strip(BLANKS)).replace(",", ".")
    value = read_number(plain)
    places = len(plain.partition(".")[2])
    if places < 2 or not plain.replace(".", "").isdigit():
        return float(value)
    exact = next((rate for rate in NTSC if round(rate, places) == Fraction(Decimal(plain))), None)
    return float(value if exact is None else exact)


def _number(plain: str) -> int | float:
    if re.fullmatch(r"[-+]?\d+", plain):
        return int(plain)
    if PLAIN.fullmatch(plain):
        return _finite(plain)
    if UNCLEAR.fullmatch(plain):
        raise ValueError(_either(plain, ","))
    if COMMA.fullmatch(plain):
        return _finite(plain.replace(",", "."))
    if (ratio := RATIO.fullmatch(plain)) and int(ratio[2]):
        return int(ratio[1]) / int(ratio[2])
    for form, mark, point in GROUPED:
        if form.fullmatch(plain):
            return _number(re.sub(mark, "", plain).replace(point, "."))
    raise ValueError


def _finite(plain: str) -> float:
    value = float(plain)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _either(plain: str, mark: str) -> str:
    return f"it may mean {plain.replace(mark, '.').rstrip('0').rstrip('.')} or {plain.replace(mark, '')}"


def spellings(text: str) -> Iterator[str]:
    """A path as it is given, then what it is without blanks and quotes around it, as a file: address, and with ~ as the
    home folder: the first that exists is meant."""
    yield text
    bare = text.strip(BLANKS)
    while len(bare) > 1 and bare[-1] in QUOTES.get(bare[0], ()):
        bare = bare[1:-1].strip(BLANKS)
    if LOCAL.match(bare):
        bare = _path_in(bare)
    yield bare
    yield os.path.expanduser(bare)


def _path_in(address: str) -> str:
    """The path in a file: address, with its escapes such as %20."""
    path = re.sub(r"^file:(//localhost(?=/)|//(?=/))?", "", address, flags=re.IGNORECASE)
    path = re.sub(r"^/(?=[A-Za-z]:)", "", path)  # file:///C:/...
    return ESCAPE.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace"), path)


def read_path(text: str) -> Path:
    """The file or folder that is meant; one that is yet to be written is meant where its folder is."""
    ways = list(dict.fromkeys(spellings(text)))
    there = next((way for way in ways if way and os.path.lexists(way)), None)
    if there is None and text.strip(BLANKS) != ways[-1]:
        there = next((way for way in reversed(ways) if os.path.isdir(os.path.dirname(way) or ".")), None)
    return Path(text if there is None else there)
