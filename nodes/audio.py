"""A voice to the tokens that the model is conditioned on."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ..skyreels_core.audio.gate import THRESHOLD_DB
from ..skyreels_core.audio.loudness import QUIETEST
from ..skyreels_core.audio.preprocessing import AudioPreprocessing
from ..skyreels_core.audio.reading import cut_voice, fill
from ..skyreels_core.errors import InputError
from ..skyreels_core.media.sound import Audio
from ..skyreels_core.timeline import Timeline
from .host.progress import progress
from .host.reporting import say
from .host.speech import SpeechEncoder
from .sockets import AUDIO, from_audio, to_audio


class AudioToTokens(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioTokens",
            display_name="Audio To Tokens",
            category=AUDIO,
            description="Encodes a voice of any length into audio tokens and sets the number of frames of the video.",
            inputs=[
                io.AudioEncoder.Input(
                    "audio_encoder", tooltip="From Load Whisper Encoder, Load Wav2Vec2 Encoder, or the demo."
                ),
                io.Audio.Input("audio", tooltip="The voice; from a batch, the first one."),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=1.0,
                    max=120.0,
                    step=0.001,
                    round=False,
                    tooltip="Frames per second of the generated video; may be fractional, such as 23.976 or 29.97. "
                    "To edit a video, use its own rate, from Get Video Components.",
                ),
                io.Float.Input(
                    "start", default=0.0, min=0.0, max=36000.0, step=0.01,
                    tooltip="Seconds to skip at the beginning of the voice.",
                ),
                io.Float.Input(
                    "duration", default=0.0, min=0.0, max=36000.0, step=0.01,
                    tooltip="Seconds of the voice to use; 0 = all of it. If longer than the voice, silence follows "
                    "it.",
                ),
                io.Boolean.Input(
                    "voice_gate",
                    default=False,
                    tooltip="Mutes noise in the pauses for the model, so that the mouth stays closed there.",
                ),
                io.Float.Input(
                    "gate_threshold", default=THRESHOLD_DB, min=-90.0, max=-10.0, step=1.0,
                    advanced=True, optional=True,
                    tooltip="Level below which the voice counts as a pause, in dB below its loud parts.",
                ),
                io.Float.Input(
                    "loudness", default=0.0, min=QUIETEST, max=0.0, step=0.5, advanced=True, optional=True,
                    tooltip="Loudness in LUFS to which the voice is normalised for the model, such as -23 for a "
                    "quiet recording; 0 = off. The output audio does not change.",
                ),
            ],
            outputs=[
                io.AudioEncoderOutput.Output(
                    display_name="tokens", tooltip="Audio tokens for the animation nodes, and for native ones."
                ),
                io.Int.Output(display_name="frames", tooltip="Length of the video in frames."),
                io.Audio.Output(display_name="audio", tooltip="The voice, exactly as long as the frames."),
                io.Float.Output(display_name="fps", tooltip="Frames per second, as given."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, audio_encoder, audio, fps, start, duration, voice_gate, gate_threshold=THRESHOLD_DB, loudness=0.0
    ) -> io.NodeOutput:
        if not isinstance(audio_encoder, SpeechEncoder):
            raise InputError(
                "ComfyUI's own Audio Encoder encodes only 30 seconds. Load the file with Load Whisper Encoder or "
                "Load Wav2Vec2 Encoder."
            )
        voice = cut(to_audio(audio), start, duration)
        timeline = Timeline.from_seconds(voice.seconds, fps)
        preprocessing = AudioPreprocessing(gate_threshold if voice_gate else None, loudness or None)
        samples, lines = preprocessing.of(voice, timeline)
        bar = progress(timeline.token_count)
        encoded = audio_encoder.encode(
            samples, lambda done, count: bar(done * timeline.token_count // count - 1)
        )
        voice = cut_voice(voice, timeline)
        encoded.timeline, encoded.audio = timeline, voice
        say("\n".join([f"{timeline.seconds:.2f} s, {timeline.frames} frames at {fps:g} fps.", *lines]))
        return io.NodeOutput(encoded, timeline.frames, from_audio(voice), float(fps))


def cut(audio: Audio, start: float, duration: float) -> Audio:
    """The seconds from `start` on, `duration` of them, filled with silence; 0 is all there is."""
    if start >= audio.seconds:
        raise InputError(
            f"The voice lasts {audio.seconds:.2f} s and is to start at {start:g} s, so nothing is left. Give a smaller "
            "start."
        )
    rate = audio.sample_rate
    rest = audio.samples[:, round(start * rate) :]
    return replace(audio, samples=fill(rest, round(duration * rate)) if duration else rest)


NODES = [AudioToTokens]
