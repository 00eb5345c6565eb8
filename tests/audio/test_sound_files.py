"""Sound as people have it - joined, changing, with holes and blemishes - is read to its end and at its time."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from sounds import RATE, encode, joined, rms, voice

from skyreels_core.audio.reading import mono_16k
from skyreels_core.errors import InputError
from skyreels_core.media.gaps import find_gaps
from skyreels_core.media.packets import Piece
from skyreels_core.media.sound import read_audio

FRAME = 0.03  # seconds, of AAC at 48 kHz and its priming, which raw streams do not state


def stereo(samples: np.ndarray) -> np.ndarray:
    return np.stack([samples, samples])


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", it) for it in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
        *(("FLAC", it) for it in ("PCM_16", "PCM_24")),
        *((it, "PCM_24") for it in ("AIFF", "AU", "CAF", "RF64", "W64", "WAVEX")),
        ("AIFF", "DOUBLE"),
        ("CAF", "FLOAT"),
        ("W64", "FLOAT"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_samples_are_bit_for_bit_those_of_the_file(tmp_path, form, subtype, channels):
    loud = 3 if subtype in ("FLOAT", "DOUBLE") else 1  # of full scale
    samples = np.random.default_rng(0).uniform(-loud, loud, (4321, channels))
    soundfile.write(tmp_path / "a", samples, 44100, format=form, subtype=subtype)
    expected, _ = soundfile.read(tmp_path / "a", dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read_audio(tmp_path / "a").samples.numpy(), expected.T)


@pytest.mark.parametrize("length", [1, 3, 1365, 1366, 2 * 1365, 3 * 1365])  # 1365: of a packet
def test_aiff_of_an_odd_number_of_bytes_is_read_to_its_last_sample(tmp_path, caplog, length):
    samples = np.random.default_rng(0).uniform(-1, 1, length)
    soundfile.write(tmp_path / "a", samples, 44100, format="AIFF", subtype="PCM_24")
    expected, _ = soundfile.read(tmp_path / "a", dtype="float32")
    np.testing.assert_array_equal(read_audio(tmp_path / "a").samples[0].numpy(), expected)
    assert "damaged" not in caplog.text


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("length", [3, 100, 5000, 66167])
def test_ogg_vorbis_is_as_long_as_it_says(tmp_path, rate, length):
    soundfile.write(tmp_path / "a.ogg", voice(length / rate, rate), rate, format="OGG", subtype="VORBIS")
    expected, _ = soundfile.read(tmp_path / "a.ogg", dtype="float32")
    np.testing.assert_allclose(read_audio(tmp_path / "a.ogg").samples[0].numpy(), expected, atol=1e-6)


class TestJoined:
    def checked(self, path, seconds, channels=1, level=None, slack=1e-3):
        audio = read_audio(path)
        assert len(audio.samples) == channels
        assert abs(audio.seconds - seconds) <= slack
        half = audio.samples.shape[1] // 2
        for part in (audio.samples[:, :half], audio.samples[:, half:]):
            for channel in part:
                assert rms(channel) == pytest.approx(level or rms(voice()), rel=0.1)
        return audio

    @pytest.mark.parametrize("form", ["adts", "mpegts", "mpeg", "avi"])
    def test_mono_then_stereo_is_stereo_at_one_level(self, tmp_path, caplog, form):
        codec = {"mpeg": "mp2", "avi": "mp3"}.get(form, "aac")
        one = encode(tmp_path / "m", codec, voice()[None], format=form)
        two = encode(tmp_path / "s", codec, stereo(voice()), "stereo", format=form)
        self.checked(joined(tmp_path / "a", one, two), 2, 2, slack=3 * FRAME)
        self.checked(joined(tmp_path / "b", two, one), 2, 2, slack=3 * FRAME)
        assert f"{tmp_path / 'a'} changes midway" in caplog.text

    def test_a_rate_that_changes_within_a_stream_keeps_length_and_pitch(self, tmp_path):
        low = encode(tmp_path / "l", "aac", voice(rate=24000)[None], rate=24000, format="adts")
        high = encode(tmp_path / "h", "aac", voice()[None], format="adts")
        audio = self.checked(joined(tmp_path / "a.aac", low, high), 2, slack=4 * FRAME)
        assert audio.sample_rate == RATE
        for part in (audio.samples[0, 9600:14400], audio.samples[0, -14400:-9600]):
            spectrum = np.abs(np.fft.rfft(part.numpy() * np.hanning(4800)))
            assert spectrum.argmax() * RATE / 4800 == pytest.approx(220, abs=10)

    @pytest.mark.parametrize("between", [b"", b"TAG".ljust(128, b"x"), b"\0" * 300])
    def test_mp3_files_are_read_to_the_end_of_the_last(self, tmp_path, between):
        path = encode(tmp_path / "m.mp3", "libmp3lame", voice()[None])
        self.checked(joined(tmp_path / "a.mp3", path, path, path, between=between), 3, slack=0.08)

    def test_mp3_files_without_tags_are_read_as_well(self, tmp_path):
        soundfile.write(tmp_path / "m.mp3", voice(), RATE, format="MP3")
        self.checked(joined(tmp_path / "a.mp3", tmp_path / "m.mp3", tmp_path / "m.mp3"), 2, slack=0.08)

    def test_a_cover_between_mp3_files_is_no_sound(self, tmp_path):
        cover = np.random.default_rng(0).bytes(100_000)
        tag = b"ID3\3\0\0" + bytes(len(cover) >> shift & 127 for shift in (21, 14, 7, 0)) + cover
        path = encode(tmp_path / "m.mp3", "libmp3lame", voice()[None])
        self.checked(joined(tmp_path / "a.mp3", path, path, between=tag), 2)

    def test_mp3_files_of_other_rates_and_channels(self, tmp_path):
        low = encode(tmp_path / "l.mp3", "libmp3lame", voice(rate=24000)[None], rate=24000)
        high = encode(tmp_path / "h.mp3", "libmp3lame", stereo(voice()), "stereo")
        self.checked(joined(tmp_path / "a.mp3", low, high), 2, 2)

    @pytest.mark.parametrize("first", ["VORBIS", "OPUS"])
    @pytest.mark.parametrize("second", ["VORBIS", "OPUS"])
    @pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (24000, 1), (48000, 2)])
    def test_all_links_of_a_chained_ogg_file(self, tmp_path, first, second, rate, channels):
        soundfile.write(tmp_path / "m.ogg", voice(), RATE, format="OGG", subtype=first)
        other = np.repeat(voice(rate=rate)[:, None], channels, 1)
        soundfile.write(tmp_path / "n.ogg", other, rate, format="OGG", subtype=second)
        path = joined(tmp_path / "a.ogg", tmp_path / "m.ogg", tmp_path / "n.ogg")
        self.checked(path, 2, channels)

    @pytest.mark.parametrize("form", ["WAV", "FLAC", "AIFF"])
    def test_lossless_files_of_other_channels(self, tmp_path, form):
        soundfile.write(tmp_path / "m", voice(), RATE, format=form)
        soundfile.write(tmp_path / "s", stereo(voice()).T, RATE, format=form)
        audio = self.checked(joined(tmp_path / "a", tmp_path / "m", tmp_path / "s"), 2, 2)
        assert audio.samples.shape[1] == 2 * RATE

    @pytest.mark.parametrize(
        ("form", "codec"),
        [
            ("w64", "pcm_s16le"), ("caf", "pcm_s16be"), ("au", "pcm_s16be"), ("tta", "tta"), ("asf", "aac"),
            ("flv", "aac"),
        ],
    )  # fmt: skip
    def test_rare_forms(self, tmp_path, form, codec):
        one = encode(tmp_path / "m", codec, voice()[None], format=form)
        two = encode(tmp_path / "s", codec, stereo(voice()), "stereo", format=form)
        self.checked(joined(tmp_path / "a", one, two), 2, 2, slack=0.1)

    def test_a_wav_file_of_a_recorder_that_left_its_sizes_open(self, tmp_path):
        soundfile.write(tmp_path / "m.wav", voice(), RATE)
        content = bytearray((tmp_path / "m.wav").read_bytes())
        content[4:8] = content[40:44] = b"\xff" * 4
        (tmp_path / "a.wav").write_bytes(content * 2)
        self.checked(tmp_path / "a.wav", 2)

    @pytest.mark.parametrize("name", ["m.m4a", "m.mka", "m.webm", "m.mov"])
    def test_containers(self, tmp_path, name):
        codec = "libopus" if name == "m.webm" else "aac"
        one = encode(tmp_path / name, codec, voice()[None])
        two = encode(tmp_path / f"s{name}", codec, stereo(voice()), "stereo")
        self.checked(joined(tmp_path / f"a{name}", one, two), 2, 2, slack=FRAME)

    def test_fragments_with_an_index_each(self, tmp_path):
        fragments = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "300000"}
        path = encode(tmp_path / "m.mp4", "aac", voice(2)[None], options=fragments)
        assert read_audio(path).seconds == pytest.approx(2, abs=FRAME)
        self.checked(joined(tmp_path / "a.mp4", path, path), 4, slack=2 * FRAME)

    def test_a_second_file_that_is_no_sound_is_left_out_and_named(self, tmp_path, caplog):
        soundfile.write(tmp_path / "m.flac", voice(), RATE)
        noise = b"fLaC\0\0\0\x22" + np.random.default_rng(0).bytes(5000)
        (tmp_path / "a.flac").write_bytes((tmp_path / "m.flac").read_bytes() + noise)
        assert read_audio(tmp_path / "a.flac").seconds == 1
        assert "are skipped" in caplog.text and "a.flac" in caplog.text


class TestTime:
    def onset(self, samples, after=0.0):
        """Seconds of the first loud sample."""
        start = round(after * RATE)
        return (start + int(np.argmax(np.abs(samples[start:]) > 0.15))) / RATE

    def recorded(self, tmp_path, moved, name="a.mka", codec="pcm_s16le", seconds=2.0, **options):
        path = encode(tmp_path / name, codec, voice(seconds)[None], moved=moved, **options)
        return read_audio(path).samples[0].numpy()

    @pytest.mark.parametrize(
        ("name", "codec"),
        [
            ("a.mka", "flac"), ("a.mka", "aac"), ("a.webm", "libopus"), ("a.mp4", "aac"), ("a.mov", "alac"),
            ("a.ts", "aac"), ("a.flv", "aac"), ("a.nut", "mp2"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("pause", [0.3, 2.5])
    def test_a_pause_in_the_stamps_is_silence(self, tmp_path, caplog, name, codec, pause):
        samples = self.recorded(tmp_path, lambda t: pause * (t > 0.99), name, codec)
        assert len(samples) / RATE == pytest.approx(2 + pause, abs=2 * FRAME)
        middle = samples[round(1.1 * RATE) : round((0.95 + pause) * RATE)]
        assert np.abs(middle).max() < 1e-3
        assert "silence fills the gap" in caplog.text and name in caplog.text

    @pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.mka", "aac"), ("a.mka", "flac")])
    def test_packets_that_were_lost_are_silence_each_in_its_place(self, tmp_path, name, codec):
        time = np.arange(2 * RATE) / RATE
        glide = (0.3 * np.sin(2 * np.pi * (150 * time + 200 * time**2))).astype(np.float32)[None]
        whole = read_audio(encode(tmp_path / f"whole{name}", codec, glide)).samples[0].numpy()
        holes = encode(tmp_path / name, codec, glide, moved=lambda t: None if 0.2 < t % 0.5 < 0.225 else 0.0)
        holed = read_audio(holes).samples[0].numpy()
        assert len(holed) == pytest.approx(len(whole), abs=0.03 * RATE)
        for second in (0.3, 0.8, 1.3, 1.8):
            place = slice(round(second * RATE), round((second + 0.1) * RATE))
            shifts = range(-600, 601, 4)
            apart = [np.abs(whole[place] - np.roll(holed, shift)[place]).mean() for shift in shifts]
            assert abs(shifts[int(np.argmin(apart))]) <= 0.001 * RATE and min(apart) < 0.01

    @pytest.mark.parametrize("jitter", [0.001, 0.004, 0.012])
    def test_stamps_that_are_uneven_make_no_gaps(self, tmp_path, jitter):
        uneven = np.random.default_rng(0)
        samples = self.recorded(tmp_path, lambda t: jitter * uneven.uniform(0, 1), codec="flac", seconds=5)
        np.testing.assert_allclose(samples, voice(5), atol=1e-4)

    @pytest.mark.parametrize("wrong", [-3000.0, 0.5, 40_000.0])
    @pytest.mark.parametrize("place", [0, 10, 49])
    def test_one_wrong_stamp_changes_nothing(self, wrong, place):
        times = [index * 0.02 + wrong * (index == place) for index in range(50)]
        pieces = [Piece(np.zeros((1, 960), np.float32), RATE, "mono", time) for time in times]
        assert not find_gaps(pieces).before.any()

    @pytest.mark.parametrize(("name", "later"), [("a.mka", 5 * 3600), ("a.ts", 60), ("a.ts", 20_000)])
    def test_a_clock_that_jumps_ahead_without_a_meaning_makes_no_hours_of_silence(
        self, tmp_path, caplog, name, later
    ):
        samples = self.recorded(tmp_path, lambda t: later * (t > 0.99), name, "aac")
        assert len(samples) / RATE == pytest.approx(2, abs=2 * FRAME)
        assert "time stamps jump" in caplog.text and name in caplog.text

    def test_stamps_that_go_back_follow_what_was_there(self, tmp_path):
        path = encode(tmp_path / "m.ts", "aac", voice(1)[None], moved=lambda t: 20)
        other = encode(tmp_path / "n.ts", "aac", voice(1)[None])
        assert read_audio(joined(tmp_path / "a.ts", path, other)).seconds == pytest.approx(2, abs=3 * FRAME)

    def test_a_clock_of_33_bits_may_wrap(self, tmp_path):
        wrap = 2**33 / 90000
        samples = self.recorded(tmp_path, lambda t: wrap - 1 - 1.4, "a.ts", "aac")
        assert len(samples) / RATE == pytest.approx(2, abs=2 * FRAME)

    def test_packets_of_avi_may_be_larger_than_its_header_says(self, tmp_path):
        """FFmpeg then counts one for two."""
        noise = np.random.default_rng(0).normal(0, 0.3, (1, RATE)) * (np.arange(RATE) % 12000 > 6000)
        path = encode(tmp_path / "a.avi", "aac", noise.astype(np.float32), pictures=1.0)
        content = bytearray(path.read_bytes())
        place = content.find(b"strf", content.find(b"auds")) + 20
        content[place : place + 2] = (256).to_bytes(2, "little")  # nBlockAlign
        path.write_bytes(content)
        assert read_audio(path).seconds == pytest.approx(1, abs=2 * FRAME)

    @pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.mov"])
    @pytest.mark.parametrize("later", [0.0, 0.5])
    def test_sound_keeps_its_place_beside_the_pictures(self, tmp_path, name, later):
        samples = self.recorded(tmp_path, lambda t: later, name, "aac", pictures=2.0)
        first = self.onset(voice())
        assert self.onset(samples) == pytest.approx(later + first, abs=FRAME)

    @pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
    def test_sound_that_pauses_beside_pictures_stays_beside_them(self, tmp_path, name):
        samples = self.recorded(tmp_path, lambda t: 15.0 * (t > 0.99), name, "aac", pictures=17.0)
        assert len(samples) / RATE == pytest.approx(17, abs=2 * FRAME)


class TestDamage:
    def test_one_bad_packet_is_left_out_and_said_once(self, tmp_path, caplog):
        path = encode(tmp_path / "m.mp3", "libmp3lame", voice(3)[None])
        content = bytearray(path.read_bytes())
        middle = content.index(b"\xff\xfb", len(content) // 2)
        content[middle : middle + 60] = b"\x55" * 60
        (tmp_path / "a.mp3").write_bytes(content)
        assert read_audio(tmp_path / "a.mp3").seconds == pytest.approx(3, abs=0.1)
        assert caplog.text.count("a.mp3") <= 1

    def test_much_damage_is_refused(self, tmp_path):
        path = encode(tmp_path / "m.mka", "flac", voice(5)[None])
        content, damage = bytearray(path.read_bytes()), np.random.default_rng(0)
        for place in range(2000, len(content) - 64, 600):
            content[place : place + 64] = damage.bytes(64)
        (tmp_path / "a.mka").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.mka"):
            read_audio(tmp_path / "a.mka")

    @pytest.mark.parametrize("share", [0.3, 0.97, 0.999])
    def test_flac_that_is_cut_is_refused(self, tmp_path, share):
        content = io.BytesIO()
        soundfile.write(content, np.random.default_rng(0).uniform(-0.5, 0.5, 99999), RATE, format="FLAC")
        (tmp_path / "a.flac").write_bytes(content.getvalue()[: int(share * len(content.getvalue()))])
        with pytest.raises(InputError, match="is truncated"):
            read_audio(tmp_path / "a.flac")


def test_a_voice_is_heard_through_all_of_it(tmp_path):
    one = encode(tmp_path / "m.aac", "aac", voice()[None], format="adts")
    two = encode(tmp_path / "s.aac", "aac", stereo(voice()), "stereo", format="adts")
    surround = np.stack([0 * voice(), 0 * voice(), voice(), *[0 * voice()] * 3])
    three = encode(tmp_path / "c.aac", "aac", surround, "5.1", format="adts")
    samples = mono_16k(read_audio(joined(tmp_path / "a.aac", one, two, three)))
    for second in range(3):
        assert rms(samples[second * 16000 : (second + 1) * 16000]) == pytest.approx(rms(voice()), rel=0.1)
