"""What a stored frame means: HDR, gamuts, matrices, orientation, sizes, and where chroma lies."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.media.encoding import CODECS, Encoding
from skyreels_core.media.footage import collect, open_video
from skyreels_core.media.light import PRIMARIES, SRGB, light, to_xyz
from skyreels_core.media.orientation import Orientation, oriented
from skyreels_core.media.writing import write_video

SKIN, WHITE, GREY = (204, 153, 128), (255, 255, 255), (128, 128, 128)
HLG, PQ = 18, 16  # transfers
BT2020_LUMA, BT709_LUMA = (0.2627, 0.0593), (0.2126, 0.0722)
REFERENCE_WHITE = 203  # nits


def linear(colour: tuple[int, ...]) -> np.ndarray:
    code = np.array(colour) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def into(primaries: int, colour: tuple[int, ...]) -> np.ndarray:
    """Linear light of an sRGB colour in other primaries; both whites are D65."""
    return np.linalg.solve(to_xyz(PRIMARIES[primaries]), to_xyz(SRGB) @ linear(colour))


def hlg(light: np.ndarray) -> np.ndarray:
    """BT.2100: what a 1000-nit display shows as `light`, 1 being reference white, as it is coded."""
    display = light * REFERENCE_WHITE / 1000
    luminance = display @ [0.2627, 0.678, 0.0593]
    scene = display * luminance ** (1 / 1.2 - 1) if luminance > 0 else display
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def pq(light: np.ndarray) -> np.ndarray:
    power = (light * REFERENCE_WHITE / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


LARGE = (128, 96)  # pixels; x265 writes beyond its memory in smaller pictures


def planes_of(colour: np.ndarray, luma: tuple[float, float], bits: int) -> list[int]:
    """Y, U, V of R'G'B' in 0..1, limited range."""
    red, blue = luma
    y = red * colour[0] + (1 - red - blue) * colour[1] + blue * colour[2]
    u, v = (colour[2] - y) / (2 - 2 * blue), (colour[0] - y) / (2 - 2 * red)
    scale = 1 << bits - 8
    return [round(scale * (219 * y + 16)), *(round(scale * (224 * c + 128)) for c in (u, v))]


def flat(path: Path, levels: list[int], bits: int = 10, tags: dict | None = None, **settings) -> Path:
    """One frame of one Y, U, V."""
    pixels = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    size = settings.get("size", (64, 32))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(settings.get("codec", "ffv1"), rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.options = settings.get("options", {})
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        frame = av.VideoFrame(*size, pixels)
        for plane, level in zip(frame.planes, levels, strict=True):
            kind = np.uint8 if bits == 8 else np.uint16
            plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
        frame.colorspace, frame.color_range = (tags or {}).get("colorspace", 2), 1
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for packet in [*stream.encode(frame), *stream.encode()]:
            packet.dts = packet.pts  # which x265 leaves unset where there are one or two frames
            container.mux(packet)
    return path


def tagged(transfer: int, primaries: int, matrix: int) -> dict[str, int]:
    return {"color_trc": transfer, "color_primaries": primaries, "colorspace": matrix, "color_range": 1}


def shown(path: Path) -> np.ndarray:
    """The middle pixel of the first frame, 0..255."""
    frame = collect(open_video(path))[0]
    return frame[frame.shape[0] // 2, frame.shape[1] // 2].numpy() * 255


@pytest.mark.parametrize(("transfer", "curve"), [(HLG, hlg), (PQ, pq)], ids=["HLG", "PQ"])
@pytest.mark.parametrize("colour", [SKIN, GREY, (60, 40, 30), (20, 20, 20), (0, 0, 0), (30, 90, 200)])
def test_mid_tones_of_hdr_are_what_sdr_shows(tmp_path, caplog, transfer, curve, colour):
    levels = planes_of(curve(into(9, colour)), BT2020_LUMA, 10)
    path = flat(tmp_path / "a.mkv", levels, tags=tagged(transfer, 9, 9))
    assert np.abs(shown(path) - colour).max() < 3  # 10 bits
    assert "HDR" in caplog.text and "SDR BT.709" in caplog.text


@pytest.mark.parametrize(("transfer", "curve"), [(HLG, hlg), (PQ, pq)], ids=["HLG", "PQ"])
def test_highlights_of_hdr_are_rolled_off_above_white(tmp_path, transfer, curve):
    seen = []
    for nits in (203, 400, 1000):
        levels = planes_of(curve(np.full(3, nits / 203)), BT2020_LUMA, 10)
        seen.append(shown(flat(tmp_path / f"{nits}.mkv", levels, tags=tagged(transfer, 9, 9))).mean())
    assert 240 < seen[0] < seen[1] < seen[2] < 256


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_hdr_in_eight_bits_is_converted_too(tmp_path, codec):
    levels = planes_of(hlg(into(9, SKIN)), BT2020_LUMA, 8)
    quiet = {"crf": "1", "x265-params": "log-level=none"} if codec == "libx265" else {"crf": "1"}
    path = flat(tmp_path / "a.mp4", levels, 8, tagged(HLG, 9, 9), codec=codec, options=quiet, size=LARGE)
    assert np.abs(shown(path) - SKIN).max() < 8  # of 8 bits that span 1000 nits


@pytest.mark.parametrize("primaries", [5, 6, 9, 12, 22])
@pytest.mark.parametrize("transfer", [1, 6, 13, 14])
def test_wide_gamuts_in_sdr_keep_their_curve(tmp_path, primaries, transfer):
    levels = planes_of(srgb(into(primaries, SKIN)), BT709_LUMA, 12)
    path = flat(tmp_path / "a.mkv", levels, 12, tags=tagged(transfer, primaries, 1))
    assert np.abs(shown(path) - SKIN).max() < 1


@pytest.mark.parametrize("primaries", PRIMARIES)
def test_white_stays_white_in_all_primaries(primaries):
    white = np.full((1, 1, 3), 65535, np.uint16)
    assert np.abs(light(1, primaries).sdr(white) - 1).max() < 1e-3


@pytest.mark.parametrize("transfer", [0, 1, 2, 3, 4, 5, 6, 7, 11, 13, 14, 15])
@pytest.mark.parametrize("primaries", [0, 1, 2, 3])
def test_usual_and_unknown_tags_leave_the_pixels_as_they_are(transfer, primaries):
    assert light(transfer, primaries) is None


def test_what_is_said_of_colours_is_said_once(tmp_path, caplog):
    path = flat(tmp_path / "a.mkv", [400, 512, 512], tags=tagged(HLG, 9, 9))
    video = open_video(path)
    collect(video), collect(video)
    assert caplog.text.count("SDR BT.709") == 1


def test_ycgco_is_read(tmp_path):
    red, green, blue = (c / 255 for c in SKIN)
    y, cg, co = red / 4 + green / 2 + blue / 4, -red / 4 + green / 2 - blue / 4, (red - blue) / 2
    levels = [round(219 * y + 16), round(224 * cg + 128), round(224 * co + 128)]
    path = flat(tmp_path / "a.mkv", levels, 8, tags=tagged(1, 1, 8))
    assert np.abs(shown(path) - SKIN).max() < 3


def test_colours_that_nobody_here_knows_are_refused_by_name(tmp_path):
    path = flat(tmp_path / "a.mkv", [128, 128, 128], 8, tags=tagged(PQ, 9, 14))
    with pytest.raises(InputError, match=r"a\.mkv .*ICtCp.*Export it"):
        open_video(path)


def test_pixels_that_cannot_be_converted_are_said_before_the_work_and_with_their_file(tmp_path):
    with av.open(str(tmp_path / "a.nut"), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr4"
        packet = av.Packet(bytes(32 * 32 // 2))
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        out.mux(packet)
    with pytest.raises(InputError, match=r"a\.nut has frames .* in bgr4 .*export it"):
        open_video(tmp_path / "a.nut")


def test_dolby_vision_without_a_base_that_others_show_is_refused(tmp_path):
    options = {"crf": "10", "x265-params": "log-level=none"}
    path = flat(
        tmp_path / "a.mp4", [512] * 3, 10, {"codec_tag": "hvc1"}, codec="libx265", options=options, size=LARGE
    )
    path.write_bytes(path.read_bytes().replace(b"hvc1", b"dvh1"))
    with pytest.raises(InputError, match="Dolby Vision"):
        open_video(path)


# Orientation


def corners() -> torch.Tensor:
    """[32 48 3]: four quarters of one colour each."""
    frame = torch.zeros(32, 48, 3)
    frame[:16, :24, 0], frame[:16, 24:, 1], frame[16:, :24, 2] = 1, 1, 1
    return frame


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)


def placed(pixels: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """By the definition: every pixel goes to a x + c y, b x + d y."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    columns, rows = a * x + c * y, b * x + d * y
    columns, rows = columns - columns.min(), rows - rows.min()
    result = np.zeros((rows.max() + 1, columns.max() + 1, 3), pixels.dtype)
    result[rows, columns] = pixels
    return result


UPRIGHT = [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)]
LYING = [(0, b, c, 0) for b, c in product((1, -1), repeat=2)]


@pytest.mark.parametrize("places", UPRIGHT + LYING)
def test_every_turned_and_mirrored_video_is_shown_as_its_matrix_says(tmp_path, places):
    path = tmp_path / "a.mp4"
    write_video(path, corners().expand(3, -1, -1, -1), 25.0, encoding=Encoding(lossless=True))
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = matrix(*places)
    path.write_bytes(data)
    video = open_video(path)
    expected = placed(corners().numpy(), *places)
    assert video.size == expected.shape[1::-1]
    assert np.array_equal(collect(video)[1].numpy(), expected)


def test_angles_between_quarters_go_to_the_nearest():
    turned = [np.cos(np.radians(50)), np.sin(np.radians(50))]
    a, b = (round(65536 * value) for value in turned)
    assert oriented(struct.pack("=9i", a, b, 0, -b, a, 0, 0, 0, 1 << 30)) == Orientation(3, False)
    assert oriented(bytes(36)) == Orientation()


# Sizes


def ring(height: int, width: int) -> torch.Tensor:
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(x - width / 2, y - height / 2) < 0.4 * min(height, width)
    return torch.from_numpy(np.repeat(inside[..., None], 3, -1).astype(np.float32)).expand(4, -1, -1, -1)


@pytest.mark.parametrize("second", [(160, 96), (192, 320), (96, 98), (48, 80)])
def test_another_size_midway_keeps_its_shape_and_is_said_once(tmp_path, caplog, second):
    parts = []
    for name, size in (("a", (96, 160)), ("b", second)):
        with av.open(str(tmp_path / f"{name}.ts"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "4", "bf": "0"})
            stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
            for index, frame in enumerate(ring(*size)):
                picture = av.VideoFrame.from_ndarray((frame.numpy() * 255).astype(np.uint8), format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        parts.append((tmp_path / f"{name}.ts").read_bytes())
    (tmp_path / "c.ts").write_bytes(b"".join(parts))
    frames = list(open_video(tmp_path / "c.ts").stream())
    assert {tuple(frame.shape) for frame in frames} == {(96, 160, 3)}
    bright = frames[-1][..., 0] > 0.5
    wide, high = int(bright.any(0).sum()), int(bright.any(1).sum())
    assert wide > 20 and abs(wide - high) <= 3
    assert caplog.text.count("changes its size midway") == 1


# Where chroma lies


def stripes(height: int, width: int) -> torch.Tensor:
    """Colours that vary smoothly along and across, [h w 3]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wave = torch.sin(x * 0.35) * 0.25, torch.sin(y * 0.3) * 0.2
    return torch.stack([0.5 + wave[0], 0.5 - wave[0] / 2 + wave[1] / 2, 0.5 - wave[1]], -1)


def displacement(first: torch.Tensor, second: torch.Tensor, axis: int) -> float:
    """Pixels that the colour differences have moved along an axis, by least squares on their slope."""
    before, after = ((frame[..., 0] - frame[..., 2])[8:-8, 8:-8] for frame in (first, second))
    slope = torch.gradient(before, dim=axis)[0]
    return float(-((after - before) * slope).sum() / slope.square().sum())


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [(96, 128), (95, 127)])
def test_five_generations_move_no_colour(tmp_path, codec, size):
    frames = first = stripes(*size).expand(3, -1, -1, -1)
    for generation in range(5):
        path = tmp_path / f"{generation}.mkv"
        write_video(path, frames, 25.0, encoding=Encoding(codec, crf=4))
        frames = collect(open_video(path))
    cut = frames[1, : size[0], : size[1]]
    assert abs(displacement(first[1], cut, 0)) < 0.1 and abs(displacement(first[1], cut, 1)) < 0.1


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chroma_is_read_from_where_the_file_says_that_it_lies(tmp_path, siting, suffix):
    picture = stripes(96, 128)
    frame = av.VideoFrame.from_ndarray((picture.numpy() * 255).round().astype(np.uint8), format="rgb24")
    graph = av.filter.Graph()
    source = graph.add_buffer(width=128, height=96, format="rgb24", time_base=Fraction(1, 25))
    scale = graph.add("scale", flags="bicubic+accurate_rnd", out_color_matrix="bt709", out_chroma_loc=siting)
    graph.link_nodes(source, scale, graph.add("format", "yuv420p"), graph.add("buffersink")).configure()
    graph.push(frame)
    coded = graph.pull()
    with av.open(str(tmp_path / f"a{suffix}"), "w") as container:
        options = {"crf": "2", "chroma_sample_location": siting}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.colorspace = 1
        coded.pts, coded.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(coded))
        container.mux(stream.encode())
    read = collect(open_video(tmp_path / f"a{suffix}"))[0]
    assert abs(displacement(picture, read, 0)) < 0.1 and abs(displacement(picture, read, 1)) < 0.1
