from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest
import torch

from skyreels_core.conditioning.prompts import PromptSchedule
from skyreels_core.conditioning.visual import VideoEdit, WindowConditions
from skyreels_core.errors import InputError
from skyreels_core.media import colour
from skyreels_core.media.compositing import FEATHER
from skyreels_core.media.footage import InMemoryFrames, collect
from skyreels_core.media.reading import Video, fit
from skyreels_core.media.region import feather
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.model.backbone import WanModel
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.edit import edit
from skyreels_core.pipeline.evaluator import CoreEvaluator, Prompts
from skyreels_core.pipeline.region import find_region
from skyreels_core.run.settings import Settings
from skyreels_core.sampling.denoise import Unit
from skyreels_core.windows import WindowPlan

FPS = 8.0
WIDTH, HEIGHT = 45, 37  # of the source video: neither even nor a multiple of 16


def noise(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def voice(seconds, sample_rate=16000, channels=1, seed=2):
    return Audio(0.2 * (noise(channels, round(seconds * sample_rate), seed=seed) - 0.5), sample_rate)


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(width=32, height=48, fps=FPS, window=3, overlap=1, steps=2)


@pytest.fixture(scope="module")
def picture():
    return noise(60, 40, 3)


@pytest.fixture(scope="module")
def video():
    return Video((noise(9, HEIGHT, WIDTH, 3, seed=3) * 255).round() / 255, 12.5, None)


@pytest.fixture(scope="module")
def mask():
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 21:30, 18:28] = 1  # within one cell of the 48x32 that the model sees
    return mask


@pytest.mark.parametrize(("fit", "size"), [("keep_shape", (48, 32)), ("crop", (32, 48)), ("pad", (32, 48))])
def test_a_wide_picture_keeps_its_shape_unless_it_is_to_be_cropped_or_padded(bundle, preset, fit, size):
    result = animate(bundle, voice(0.3), noise(40, 60, 3), fit=fit, settings=preset)
    assert result.report.size == size
    assert result.tensor().shape[1:3] == size[::-1]


def test_a_picture_and_a_video_of_one_shape_are_made_at_one_size(bundle, preset, video, mask):
    edited = edit(bundle, video, voice(0.3), mask, settings=preset).report
    animated = animate(bundle, voice(0.3), video.frames[0], settings=preset).report
    assert animated.size == edited.size != (preset.width, preset.height)


@pytest.mark.parametrize("seconds, fps", [(0.01, 25.0), (1.0, 8.0), (1.01, 8.0), (0.5, 30000 / 1001)])
def test_an_animation_lasts_as_long_as_the_voice_rounded_up_to_a_frame(bundle, preset, picture, seconds, fps):
    result = animate(bundle, voice(seconds, 44100, 2), picture, settings=preset.override(fps=fps, steps=1))
    frames = result.tensor()
    assert frames.shape == (math.ceil(seconds * fps), 48, 32, 3)
    assert frames.min() >= 0 and frames.max() <= 1
    assert result.fps == fps
    assert result.audio.samples.shape == (2, round(len(frames) / fps * 44100))


def test_a_voice_longer_than_a_window_takes_several_that_all_have_every_branch(bundle, preset, picture):
    result = animate(bundle, voice(2), picture, "a person", settings=preset.override(text_guidance="5"))
    report = result.report
    assert (report.frames, report.windows) == (16, 2)
    assert report.planned == report.computed == report.windows * preset.steps * 3
    assert any(line.startswith("Windows: 2. Steps: 2. Forward passes: 12;") for line in report.lines)


def test_without_text_its_guidance_is_off_and_said_so(bundle, preset, picture):
    report = animate(bundle, voice(0.5), picture, settings=preset.override(text_guidance="5")).report
    assert report.computed == preset.steps * 2
    assert any("text guidance is off" in line for line in report.lines)


@pytest.mark.parametrize("texts", [(" ", ""), ("", " "), ("a person", "a person")])
def test_text_that_reads_like_the_negative_one_is_none_to_follow(bundle, preset, picture, texts):
    text, negative = texts
    guided, alone = (
        animate(
            bundle, voice(0.5), picture, text,
            settings=preset.override(text_guidance=scale, negative_text=negative),
        )
        for scale in ("linear:5->2", "1")
    )  # fmt: skip
    assert any("text guidance is off instead of linear:5->2" in line for line in guided.report.lines)
    assert guided.report.computed == alone.report.computed == preset.steps * 2
    assert torch.equal(guided.tensor(), alone.tensor())


def test_a_null_branch_without_the_image_is_kept_where_there_is_no_text(bundle, preset, picture):
    settings = preset.override(text_guidance="5", null_image=True)
    report = animate(bundle, voice(0.5), picture, settings=settings).report
    assert report.computed == preset.steps * 3


def test_a_seed_decides_the_take(bundle, preset, picture):
    first, same, other = (
        animate(bundle, voice(0.3), picture, settings=preset.override(seed=seed)).tensor()
        for seed in (7, 7, 8)
    )
    assert torch.equal(first, same)
    assert not torch.allclose(first, other, atol=0.01)


def test_the_picture_and_the_text_both_change_what_is_seen(bundle, preset, picture):
    def frames(picture, text):
        settings = preset.override(colour_strength=0, text_guidance="5")
        return animate(bundle, voice(0.3), picture, text, settings=settings).tensor()

    seen = frames(picture, "red hair")
    assert not torch.allclose(seen, frames(None, "red hair"), atol=0.01)
    assert not torch.allclose(seen, frames(picture, "blue wall"), atol=0.01)


def test_what_is_snapped_is_said(bundle, preset, picture):
    report = animate(bundle, voice(0.1), picture, settings=preset.override(width=50, height=60)).report
    assert report.size == (48, 64)
    assert "The size 50x60 becomes 48x64." in report.lines
    assert "Picture: 40x60 scaled to 48x72, cropped to 48x64." in report.lines


def test_a_backbone_that_takes_no_picture_speaks_without_one(bundle, preset, picture):
    model = WanModel(replace(bundle.model.config, in_dim=16))
    model.init_weights(torch.Generator().manual_seed(0))
    result = animate(replace(bundle, model=model), voice(0.3), picture, settings=preset)
    assert any("No picture is given" in line for line in result.report.lines)
    assert torch.isfinite(result.tensor()).all()


def test_a_backbone_in_half_precision_gives_nearly_the_same_frames(bundle, preset, picture):
    model = WanModel(bundle.model.config).to(torch.bfloat16)
    model.load_state_dict(bundle.model.state_dict())
    adapter = type(bundle.adapter)(bundle.adapter.config).to(torch.bfloat16)
    adapter.load_state_dict(bundle.adapter.state_dict())
    half = replace(bundle, model=model, adapter=adapter)
    settings = preset.override(colour_strength=0)
    frames = [animate(b, voice(0.5), picture, settings=settings).tensor() for b in (bundle, half)]
    assert (frames[0] - frames[1]).abs().mean() < 0.05  # bf16 keeps 8 bits, over 2 steps and 6 blocks


def test_the_cache_reuses_forwards_and_says_how_many_steps_are_computed(bundle, preset, picture):
    preset = preset.override(steps=6, text_guidance="1", cache_threshold=1e9)
    report = animate(bundle, voice(0.3), picture, settings=preset).report
    assert any("TeaCache computes 2 of 6 steps," in line for line in report.lines)  # the first and the last
    assert (report.computed, report.reused) == (2 * 2, 4 * 2)


def test_colours_are_unified_frame_by_frame_as_they_would_be_with_the_whole_video_in_memory(
    bundle, preset, picture
):
    preset = preset.override(steps=1, fps=1.0, width=32, height=32)  # 1 s of smoothing is one frame here
    plain = animate(bundle, voice(13), picture, settings=preset.override(colour_strength=0))
    result = animate(bundle, voice(13), picture, settings=preset.override(colour_strength=0.5))
    plain, unified = plain.tensor(), result.tensor()
    fitted = fit(picture, 32, 32)[0]
    torch.testing.assert_close(unified, colour.unify_clip(plain, fitted, 1.0, strength=0.5).frames)
    assert not torch.allclose(plain, unified, atol=0.01)


@pytest.fixture
def evaluator(bundle):
    tokens = noise(100, bundle.whisper.width, seed=4)
    prompts = Prompts.encode(bundle.text_encoder, PromptSchedule.of("red hair"))
    plan = WindowPlan.plan(11, 5, 1)
    shot = VideoEdit(InMemoryFrames(noise(41, 32, 32, 3)), InMemoryFrames(torch.ones(1, 32, 32)), (32, 32))
    kept = {shot.key(w, v): noise(1, 20, 5, 4, 4) for w in plan.windows for v in ("video", "first")}
    conditions = WindowConditions(shot, bundle.vae, plan, kept)
    return CoreEvaluator(bundle.model, bundle.adapter, tokens, 25.0, prompts, conditions), plan.windows


def test_a_branch_sees_what_its_name_says(evaluator, bundle):
    evaluator, windows = evaluator
    x, window = noise(1, 16, 11, 4, 4), windows[1]
    units = [Unit(window, branch, "video") for branch in ("full", "noaudio", "notext", "null")]
    full, noaudio, notext, null = evaluator(units, x, 0.7)
    assert full.shape == (1, 16, 5, 4, 4) and full.dtype == torch.float32
    inputs = torch.cat([x[:, :, window.frames], evaluator.conditions.of(units[0])], 1)
    timestep = torch.tensor([700.0])
    plain = [bundle.model(inputs, timestep, bundle.text_encoder.encode([text])) for text in ("red hair", "")]
    torch.testing.assert_close(noaudio, plain[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(null, plain[1], atol=1e-4, rtol=1e-4)
    for one, other in ((full, noaudio), (full, notext), (notext, null)):
        assert (one - other).abs().max() > 1e-3


def test_each_window_is_told_its_own_text(evaluator, bundle):
    evaluator, windows = evaluator  # from frames 0, 12, 24, of 17 frames each
    schedule = PromptSchedule.parse("0 red hair\n0.8 blue wall\n1.2 red hair")
    scheduled = CoreEvaluator(
        bundle.model, bundle.adapter, evaluator.tokens, 25.0, Prompts.encode(bundle.text_encoder, schedule),
        evaluator.conditions,
    )  # fmt: skip
    assert scheduled.prompts.texts.keys() == {"red hair", "blue wall", ""}  # each encoded once
    x = noise(1, 16, 11, 4, 4)

    def same(window, branch):
        unit = Unit(window, branch, "video")
        return torch.equal(scheduled.velocity(unit, x[:, :, window.frames], 0.7),
                           evaluator.velocity(unit, x[:, :, window.frames], 0.7))  # fmt: skip

    assert [same(window, "full") for window in windows] == [True, False, True]
    assert all(same(window, "null") for window in windows)


def test_a_schedule_of_one_text_is_that_text_bit_for_bit(bundle, preset, picture):
    preset = preset.override(text_guidance="5")
    one = PromptSchedule.parse("0 a person")
    frames = [
        animate(bundle, voice(2), picture, text, settings=preset).tensor() for text in ("a person", one)
    ]
    assert torch.equal(*frames)


def test_texts_change_over_time_and_what_is_not_used_is_said(bundle, preset, picture):
    plain = preset.override(text_guidance="5", colour_strength=0)
    schedule = PromptSchedule.parse("0 red hair\n1.1 blue wall\n2 grey wall")
    results = [animate(bundle, voice(2), picture, text, settings=plain) for text in ("red hair", schedule)]
    before, after = (result.tensor() for result in results)
    assert torch.equal(before[0], after[0])  # of the first window alone
    assert not torch.allclose(before[-1], after[-1], atol=0.01)
    assert "The prompt at 2 s is not used: the video ends at 2 s." in results[1].report.lines


def test_where_only_some_windows_have_a_text_the_guidance_stays_on(bundle, preset, picture):
    preset = preset.override(text_guidance="5")
    schedule = PromptSchedule(((0, ""), (1.1, "blue wall")))
    never = PromptSchedule(((0, ""), (5, "blue wall")))
    planned = [
        animate(bundle, voice(2), picture, text, settings=preset).report.planned for text in (schedule, never)
    ]
    assert planned == [2 * 2 * 3, 2 * 2 * 2]  # windows, steps, branches


def test_a_window_hears_its_own_time_and_a_margin(evaluator):
    evaluator, windows = evaluator
    tokens = evaluator.tokens
    x, unit = noise(1, 16, 11, 4, 4), Unit(windows[2], "full", "video")
    assert windows[2].start == 6  # frames 24..40, tokens 48..82 and 8 more on each side
    (before,) = evaluator([unit], x, 0.7)

    def changed(token):
        evaluator.voices.clear()
        evaluator.tokens = tokens.clone()
        evaluator.tokens[token] += 10
        (after,) = evaluator([unit], x, 0.7)
        return not torch.equal(before, after)

    assert [changed(token) for token in (39, 40, 90, 91)] == [False, True, True, False]


def test_an_edit_keeps_every_pixel_beyond_the_feathered_mask(bundle, preset, video, mask):
    result = edit(bundle, video, voice(0.6), mask, settings=preset)
    frames = result.tensor()
    outside = feather(mask, max(1, round(FEATHER * HEIGHT)))[0] == 0
    assert frames.shape == (8, HEIGHT, WIDTH, 3)
    assert result.fps == 12.5 and result.audio.samples.shape[1] == 8 * 1280
    assert torch.equal(frames[:, outside], video.frames[:8, outside])
    assert (frames - video.frames[:8])[:, mask[0] > 0].abs().mean() > 0.05


def test_an_edit_can_show_what_the_model_made_outside_the_mask(bundle, preset, video, mask):
    frames, bare = (
        edit(bundle, video, voice(0.1), mask, settings=preset.override(composite=composite)).tensor()
        for composite in (True, False)
    )
    assert torch.allclose(frames[:, mask[0] > 0], bare[:, mask[0] > 0], atol=1e-6)
    assert not torch.allclose(frames[:, mask[0] == 0], bare[:, mask[0] == 0], atol=0.01)


def test_an_edit_works_at_the_presets_area_in_the_shape_of_the_source(bundle, preset, video, mask):
    report = edit(bundle, video, voice(0.1), mask, settings=preset).report
    assert report.size == (48, 32)
    assert "The model works at 48x32, the video keeps 45x37." in report.lines


@pytest.mark.parametrize(
    "length, seconds, frames, said",
    [
        ("shortest", 0.3, 4, "as long as the voice"),
        ("shortest", 2.0, 9, "as long as the video"),
        ("voice", 1.0, 13, "last frame is repeated for 4 of 13 frames"),
        ("video", 0.3, 9, "Silence follows the voice for 5 of 9 frames"),
    ],
)
def test_the_length_of_an_edit_is_chosen_and_said(bundle, preset, video, mask, length, seconds, frames, said):
    preset = preset.override(steps=1)
    result = edit(bundle, video, voice(seconds), mask, length=length, settings=preset)
    made = result.tensor()
    assert len(made) == frames
    assert any(said in line for line in result.report.lines)
    assert torch.equal(made[-1, 0, 0], video.frames[min(frames, 9) - 1, 0, 0])


def test_the_hybrid_fraction_decides_which_steps_see_the_whole_video(bundle, preset, video, mask):
    inside = mask[0] > 0
    never, always = (
        edit(bundle, video, voice(0.6), mask, settings=preset.override(hybrid=fraction)).tensor()
        for fraction in (0.0, 1.0)
    )
    assert not torch.allclose(never[:, inside], always[:, inside], atol=0.01)


def test_every_window_of_an_edit_starts_from_its_own_frame_of_the_source(bundle, preset, video, mask):
    changed = replace(video, frames=video.frames.clone())
    changed.frames[4] = 1 - changed.frames[4]  # where the second of the windows [0, 1] and [1, 2] starts
    preset = preset.override(window=2, hybrid=0.0)
    before, after = (
        edit(bundle, v, voice(0.72), mask, settings=preset.override(colour_strength=0))
        for v in (video, changed)
    )
    inside = mask[0] > 0
    before, after = before.tensor()[:, inside], after.tensor()[:, inside]
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[-1], after[-1], atol=0.01)


def test_progress_reaches_what_was_planned_in_every_stage(bundle, preset, video, mask):
    last = {}

    def progress(stage, done, planned, what):
        assert done == last.get(stage, (0,))[0] + 1
        last[stage] = done, planned

    result = edit(bundle, video, voice(0.6), mask, settings=preset, progress=progress)
    result.tensor()
    assert set(last) == {"conditions", "sampling", "decoding"}
    assert all(done == planned for done, planned in last.values())
    stages = {"voice", "text", "conditions", "sampling", "decoding", "colours", "measuring"}
    assert result.report.seconds.keys() == stages


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_report_tells_how_like_its_picture_each_window_is(bundle, preset, picture, strength):
    settings = preset.override(colour_strength=strength)
    result = animate(bundle, voice(2.0), picture, settings=settings)
    assert result.report.continuity is None  # before the frames were read
    result.tensor()
    found = result.report.continuity
    assert len(found.windows) == result.report.windows and found.windows[-1].end == 16 / 8
    assert result.report.lines[-1] == str(found)


def test_an_edit_is_measured_where_it_was_made_anew(bundle, preset, video, mask):
    def identity(mask):
        result = edit(bundle, video, voice(0.6), mask, settings=preset)
        result.tensor()
        return result.report.continuity.windows[0].identity

    small = torch.zeros_like(mask)
    small[:, 4:8, 4:8] = 1
    assert identity(small) < 0.9 and identity(mask) < 0.9


def test_a_cancelled_run_stops_before_the_next_forward(bundle, preset, picture):
    calls = Counter()

    def check_cancel():
        if calls["forwards"] == 3:
            raise KeyboardInterrupt

    def progress(stage, done, planned, what):
        calls["forwards"] = done

    with pytest.raises(KeyboardInterrupt):
        animate(bundle, voice(2), picture, settings=preset, progress=progress, check_cancel=check_cancel)
    assert calls["forwards"] == 3


def silence(seconds):
    return Audio(torch.zeros(1, 1).expand(1, 16000 * seconds), 16000)


@pytest.mark.parametrize(
    "changes, needle",
    [
        ({"width": 16}, "16x48 pixels; sides of 32 to 4096"),
        ({"height": 5000}, "32x5000 pixels; sides of 32 to 4096"),
        ({"audio_guidance": "loud"}, "'loud' cannot be read"),
        ({"solver": "heun"}, "use one of euler, dpmpp_2m"),
        ({"steps": 0}, "1 to 1000 steps"),
        ({"overlap": 3}, "cannot overlap by 3"),
        ({"fps": 0.0}, "above 0"),
        ({"hybrid": 2.0}, "0..1"),
        ({"colour_strength": 3.0}, "colour strength is 3.0"),
        ({"fusion": "sideways"}, "'sideways' is unknown"),
    ],
)
def test_options_out_of_range_are_refused_in_words(bundle, preset, picture, changes, needle):
    with pytest.raises(InputError, match=needle):
        animate(bundle, voice(0.1), picture, settings=preset.override(**changes))


def test_a_voice_of_more_than_an_hour_is_refused(bundle, preset):
    with pytest.raises(InputError, match="lasts 61 minutes"):
        animate(bundle, silence(3660), settings=preset)


def test_parts_that_do_not_belong_together_are_refused(bundle, preset):
    with pytest.raises(InputError, match="no audio layers"):
        animate(replace(bundle, adapter=None), voice(0.1), settings=preset)
    deaf = replace(bundle, adapter=type(bundle.adapter)(replace(bundle.adapter.config, width=48)))
    with pytest.raises(InputError, match="width 64, the model reads width 48"):
        animate(deaf, voice(0.1), settings=preset)


def test_an_edit_without_a_picture_input_or_a_fitting_mask_is_refused(bundle, preset, video, mask):
    blind = replace(bundle, model=WanModel(replace(bundle.model.config, in_dim=16)))
    with pytest.raises(InputError, match="takes no picture"):
        edit(blind, video, voice(0.1), mask, settings=preset)
    with pytest.raises(InputError, match="black everywhere"):
        edit(bundle, video, voice(0.1), torch.zeros_like(mask), settings=preset)
    with pytest.raises(InputError, match="a frame for each"):
        edit(bundle, video, voice(0.1), mask.expand(3, -1, -1), settings=preset)
    with pytest.raises(InputError, match="length 'long'"):
        edit(bundle, video, voice(0.1), mask, length="long", settings=preset)


def face(frames, people=True, x=22, y=16):
    """POSE_KEYPOINT of a face whose nose tip is at (x, y), 4 px below its eyes."""
    points = [(x, y)] * 68
    points[36:42], points[42:48] = [(x - 4, y - 4)] * 6, [(x + 4, y - 4)] * 6
    flat = [value for point in points for value in (*point, 1.0)]
    person = [{"face_keypoints_2d": flat}] if people else []
    return [{"people": person, "canvas_width": WIDTH, "canvas_height": HEIGHT}] * frames


def test_the_region_comes_from_a_mask_in_any_resolution(tmp_path, video):
    white = torch.zeros(2 * HEIGHT, 2 * WIDTH, 3)
    white[20:40, 20:60] = 1
    write_picture(tmp_path / "mask.png", white)
    write_video(tmp_path / "mask.mp4", white.expand(9, -1, -1, -1), 12.5)
    expected = white[::2, ::2, 0]
    assert torch.equal(collect(find_region(video, mask=tmp_path / "mask.png")), expected[None])
    moving = collect(find_region(video, mask=tmp_path / "mask.mp4"))
    assert moving.shape == (9, HEIGHT, WIDTH)
    assert (moving != expected).float().mean() < 0.01  # H.264 blurs the edge


def test_the_region_comes_from_keypoints_of_at_least_as_many_frames(tmp_path, video):
    path = tmp_path / "face.json"
    path.write_text(json.dumps(face(12)))
    region = collect(find_region(video, keypoints=path))
    assert region.shape == (9, HEIGHT, WIDTH)
    assert region[:, 20, 22].all() and not region[:, 5].any()
    path.write_text(json.dumps(face(8)))
    with pytest.raises(InputError, match="keypoints of 8 frames, the video has 9"):
        find_region(video, keypoints=path)


def test_a_cut_in_the_video_ends_what_is_done_about_its_faces(tmp_path):
    """The face is in the same place before and after, and not seen in the frames around the cut."""
    frames = torch.rand(1, HEIGHT, WIDTH, 3).repeat(20, 1, 1, 1)
    frames[10:] = 1 - frames[10:]
    unseen = face(1, people=False)
    path = tmp_path / "face.json"
    path.write_text(json.dumps(face(8) + unseen * 5 + face(7, x=24)))
    region = collect(find_region(Video(frames, 25.0, None), keypoints=path))
    assert all(torch.equal(mask, region[0]) for mask in region[:10])
    assert all(torch.equal(mask, region[19]) for mask in region[10:])
    assert not torch.equal(region[0], region[19])


def test_a_video_without_a_face_names_the_ways_on(tmp_path, video):
    path = tmp_path / "nobody.json"
    path.write_text(json.dumps(face(9, people=False)))
    with pytest.raises(InputError, match=r"pass_through.*hold.*ready mask"):
        find_region(video, keypoints=path)


def test_no_way_or_two_ways_to_a_region_name_all_three(video):
    for ways in ({}, {"mask": "a.png", "dwpose": "folder"}):
        with pytest.raises(InputError, match=r"--mask.*--keypoints.*--dwpose"):
            find_region(video, **ways)


def test_masks_that_do_not_fit_the_video_are_refused(tmp_path, video):
    write_picture(tmp_path / "square.png", torch.ones(40, 40, 3))
    with pytest.raises(InputError, match="40x40, the video 45x37"):
        find_region(video, mask=tmp_path / "square.png")
    write_video(tmp_path / "short.mp4", torch.ones(5, 38, 46, 3), 12.5)
    with pytest.raises(InputError, match="5 frames, the video has 9"):
        find_region(video, mask=tmp_path / "short.mp4")
