"""Light behind coded values: what HDR and wide gamuts look like in SDR BT.709, as sRGB shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

D65, ILLUMINANT_C, DCI_WHITE = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
BT709, SMPTE170M, SMPTE240M, BT2020 = 1, 6, 7, 9  # primaries, as numbered by ITU-T H.273
SMPTE_C = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
PRIMARIES = {
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), ILLUMINANT_C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    SMPTE170M: SMPTE_C,
    SMPTE240M: SMPTE_C,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), ILLUMINANT_C),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), DCI_WHITE),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}  # red, green, blue, white: x, y
GAMUTS = {
    4: "BT.470 M", 5: "BT.601 (625 lines)", 6: "BT.601 (525 lines)", 7: "SMPTE 240M", 8: "film", 9: "BT.2020",
    11: "DCI-P3", 12: "Display P3", 22: "EBU 3213",
}  # fmt: skip
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
ADOBE, ADOBE_GAMMA = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65), 563 / 256  # Adobe RGB (1998)
# transfers, as numbered by ITU-T H.273; others count as displayed
LINEAR = 8
LOG = 9
LOG_SQRT = 10
PQ = 16
HLG = 18
TRANSFERS = {
    LINEAR: "linear light",
    LOG: "logarithmic",
    LOG_SQRT: "logarithmic",
    PQ: "HDR (PQ)",
    HLG: "HDR (HLG)",
}
WHITE_NITS = 203  # HDR reference white, shown as SDR white (ITU-R BT.2408)
HLG_NITS, HLG_GAMMA = 1000, 1.2  # of the reference display (ITU-R BT.2100, table 5)
KNEE = 0.85  # of SDR white, linear; what is brighter is compressed
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
CODES = 65536
ROWS = 16  # that are converted at once: they stay in the cache


@dataclass(frozen=True, eq=False)
class Light:
    """How 16-bit R'G'B' of one transfer and one set of primaries becomes SDR BT.709."""

    curve: np.ndarray  # float32 [65536], linear light of each code; 1 is SDR white
    matrix: np.ndarray  # float32 [3 3], linear RGB -> linear BT.709
    luminance: np.ndarray | None  # float32 [1 3], of HLG alone: its system gamma works on luminance
    is_hdr: bool

    def sdr(self, codes: np.ndarray) -> np.ndarray:
        """uint16 [h w 3] -> float32 [h w 3] in 0..1, sRGB."""
        pixels = np.empty(codes.shape, np.float32)
        for top in range(0, len(codes), ROWS):
            pixels[top : top + ROWS] = self._rows(codes[top : top + ROWS])
        return pixels

    def _rows(self, codes: np.ndarray) -> np.ndarray:
        light = self.curve[codes]
        if self.luminance is not None:
            scene = cv2.transform(light, self.luminance)
            light *= (cv2.pow(scene, HLG_GAMMA - 1) * (HLG_NITS / WHITE_NITS))[..., None]
        light = cv2.transform(light, self.matrix)
        return encoded(compressed(light) if self.is_hdr else light)


@lru_cache
def light(transfer: int, primaries: int) -> Light | None:
    """None where what is coded is what an SDR display shows."""
    if transfer not in TRANSFERS and primaries not in PRIMARIES:
        return None
    gamut = PRIMARIES.get(primaries, SRGB)
    luminance = to_xyz(gamut)[1:2].astype(np.float32) if transfer == HLG else None
    return Light(_curve(transfer), _to_bt709(gamut), luminance, transfer in (PQ, HLG))


def power_law(gamma: float | None, gamut: tuple) -> Light:
    """Codes to the power of `gamma` are light; None: as sRGB."""
    curve = _curve(0) if gamma is None else np.linspace(0, 1, CODES, dtype=np.float32) ** gamma
    return Light(curve, _to_bt709(gamut), None, False)


def compressed(light: np.ndarray) -> np.ndarray:
    """Linear [h w 3] with what is brighter than the knee rolled off below 1, hue kept."""
    peak = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
    over = np.maximum(peak, KNEE) - KNEE
    rolled = KNEE + over / (1 + over / (1 - KNEE))
    return light * (rolled / (KNEE + over))[..., None]


def encoded(light: np.ndarray) -> np.ndarray:
    """Linear light -> sRGB, clipped to 0..1; the square root spreads the dark codes."""
    roots = np.sqrt(light.clip(0, 1)) * (CODES - 1) + 0.5
    return _srgb_of_roots()[roots.astype(np.uint16)]


def to_xyz(gamut: tuple) -> np.ndarray:
    """[3 3], of RGB whose white has Y = 1 (SMPTE RP 177)."""
    *colours, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in gamut)
    columns = np.stack(colours, 1)
    return columns * np.linalg.solve(columns, white)


def _to_bt709(gamut: tuple) -> np.ndarray:
    here, there = to_xyz(gamut), to_xyz(SRGB)
    cones = np.diag((BRADFORD @ there.sum(1)) / (BRADFORD @ here.sum(1)))
    adapted = np.linalg.inv(BRADFORD) @ cones @ BRADFORD @ here
    return (np.linalg.inv(there) @ adapted).astype(np.float32)


@lru_cache
def _srgb_of_roots() -> np.ndarray:
    light = np.linspace(0, 1, CODES) ** 2
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _curve(transfer: int) -> np.ndarray:
    code = np.linspace(0, 1, CODES)
    return _CURVES.get(transfer, _srgb)(code).astype(np.float32)


def _srgb(code: np.ndarray) -> np.ndarray:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _pq(code: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: 10,000 nits at most."""
    root = code ** (1 / 78.84375)
    nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return nits / WHITE_NITS


def _hlg(code: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100: light of the scene, 1 at most."""
    bright = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(code <= 0.5, code**2 / 3, bright)


_CURVES = {
    LINEAR: lambda code: code,
    LOG: lambda code: np.where(code > 0, 10 ** (2 * (code - 1)), 0),
    LOG_SQRT: lambda code: np.where(code > 0, 10 ** (2.5 * (code - 1)), 0),
    PQ: _pq,
    HLG: _hlg,
}
