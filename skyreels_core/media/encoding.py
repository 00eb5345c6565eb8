"""How a video becomes bytes: the codecs, their quality, and the files that can hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Encoder:
    name: str  # FFmpeg's
    pixels: str  # FFmpeg's name of how they lie in memory
    options: dict[str, str]

    @property
    def is_rgb(self) -> bool:
        return self.pixels in ("rgb24", "gbrp")

    def options_for(self, width: int, height: int) -> dict[str, str]:
        if self.name != "libx265":
            return self.options
        return {**self.options, "x265-params": self.options["x265-params"] + _for_small(width, height)}


def _for_small(width: int, height: int) -> str:
    """x265 looks for what moves in margins that it does not fill where one coding tree unit (64, 32, 16) is as wide
    as the picture; with units below 64 its macroblock tree writes beyond its memory, and the process may die.
    """
    side = min(width, height)
    if side < 32:
        return ":ctu=16:cutree=0:keyint=1"
    unit = 64 if side > 64 else 32 if side > 32 else 16
    return "" if unit == 64 else f":ctu={unit}:cutree=0"


@dataclass(frozen=True)
class Codec:
    lossy: Encoder
    lossless: Encoder | None  # gives 8-bit frames back bit for bit
    crf: int  # the default, of about the same error for all codecs
    worst: int  # crf
    suffixes: tuple[str, ...]  # of files that can hold it


ALL_BUT_MOV = (".mp4", ".mkv", ".webm")
# The same frames give the same bytes on every CPU, so how much runs at once is fixed, however many cores there are.
# x264's macroblock tree gives different pictures from run to run on some CPUs, and intra analysis by instruction set.
X264 = {"threads": "4", "thread_type": "frame", "x264-params": "mbtree=0:cpu-independent=1"}
X265 = "log-level=error:frame-threads=4:pools=none:wpp=0:info=0"  # info: which CPU it was
VPX = {"threads": "4", "row-mt": "1", "cpu-used": "3"}
CODECS = {
    "h264": Codec(
        Encoder("libx264", "yuv420p", X264),
        Encoder("libx264rgb", "rgb24", {**X264, "qp": "0"}),
        crf=12, worst=51, suffixes=(".mp4", ".mov", ".mkv"),
    ),
    "h265": Codec(
        Encoder("libx265", "yuv420p", {"x265-params": X265}),
        Encoder("libx265", "gbrp", {"x265-params": f"lossless=1:{X265}"}),
        crf=12, worst=51, suffixes=(".mp4", ".mov", ".mkv"),
    ),
    "av1": Codec(
        Encoder("libsvtav1", "yuv420p10le", {"preset": "8", "svtav1-params": "lp=3"}),
        None,
        crf=12, worst=63, suffixes=ALL_BUT_MOV,
    ),
    "vp9": Codec(
        Encoder("libvpx-vp9", "yuv420p", {**VPX, "b": "0"}),
        Encoder("libvpx-vp9", "gbrp", {**VPX, "lossless": "1"}),
        crf=10, worst=63, suffixes=ALL_BUT_MOV,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    codec: str = ""  # a key of CODECS; "": vp9 in a .webm file, h264 in any other
    crf: int | None = None  # constant rate factor, 0 is best; None: the codec's default
    lossless: bool = False  # every pixel exactly, larger; crf counts for nothing

    @property
    def suffix(self) -> str:
        """Of a file in which players expect the codec; of .mp4 and .webm."""
        known = CODECS.get(self.codec)
        return ".webm" if known is not None and ".webm" in known.suffixes else ".mp4"

    def encoder(self, path: Path) -> Encoder:
        """Raises InputError for what the codec, a file of that name or this machine cannot do."""
        name = self.codec or ("vp9" if path.suffix.lower() == ".webm" else "h264")
        if name not in CODECS:
            raise InputError(f"The codec {name!r} is unknown; use one of {', '.join(CODECS)}.")
        codec = CODECS[name]
        if path.suffix.lower() not in codec.suffixes:
            raise InputError(
                f"{path} cannot hold {name}. Give a name that ends in {' or '.join(codec.suffixes)}, or another codec."
            )
        encoder = self._lossless(name) if self.lossless else self._lossy(name)
        import av  # here: the words of the command line name codecs without it

        if encoder.name not in av.codecs_available:
            raise InputError(
                f"This PyAV has no encoder for {name} ({encoder.name}). Choose another codec, or install PyAV's wheel."
            )
        return encoder

    def _lossless(self, name: str) -> Encoder:
        if (encoder := CODECS[name].lossless) is None:
            able = [name for name, codec in CODECS.items() if codec.lossless is not None]
            raise InputError(f"{name} cannot be lossless; {', '.join(able)} can. Choose one of them.")
        return encoder

    def _lossy(self, name: str) -> Encoder:
        codec = CODECS[name]
        crf = codec.crf if self.crf is None else self.crf
        if not 0 <= crf <= codec.worst:
            raise InputError(
                f"The quality (crf) is {crf}; {name} takes 0, the best, to {codec.worst}. Choose one of them."
            )
        return replace(codec.lossy, options={**codec.lossy.options, "crf": str(crf)})


AS_USUAL = Encoding()
