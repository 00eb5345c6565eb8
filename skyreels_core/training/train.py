"""A training run of a recipe: networks, clips and stages in order, and the bundle that they leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from ..errors import InputError
from ..model.adapter import AudioAdapter
from ..model.backbone import WanModel
from ..model.checkpoint import load_model, save_model
from ..model.clip_vision import load_clip_vision
from ..model.compiling import compile_for_training
from ..model.config import CONFIGS
from ..model.in_place import attend_in_place
from ..model.text import load_text_encoder, random_text_encoder, save_text_encoder
from ..model.vae import VideoVAE, load_vae
from ..model.whisper import load_whisper
from ..parallel.devices import Devices
from .budget import TimeBudget
from .clips import ClipSource, MixedClips
from .encoded import Clips, EncodedClips, Encoders, encode_clips
from .held import HeldClips
from .loop import AS_STATED, Budget
from .lora import add_lora, is_lora, save_lora
from .losses import seen_changes
from .memory import Elsewhere, save_memory
from .ranks import join, leave
from .recipe import LAB, Means, Recipe, Sections, audio_sizes, read_recipe
from .sharding import whole
from .transformer import AudioDrivenModel, Leg, train_transformer
from .validation import HeldOut, Validator

LORA = "lora.safetensors"  # in the bundle
ENCODING = "encoding"  # of the clips: a part of the budget beside the stages


def train(
    config: str | Path,
    output: str | Path,
    sections: Sections = LAB,
    seconds: float | None = None,
    saved: Callable[[Path], None] | None = None,
    devices: Devices | None = None,
) -> Path:
    """Run every section of a recipe, resuming what `output` already holds, and write a bundle to `output`/bundle.

    This process may be one of several, started by torchrun or `launching`: they share `devices`, in order.

    With `seconds` the whole takes so long, shared as the recipe's stages state theirs. At each checkpoint of the
    transformer the bundle is written as far as it is, and `saved` gets its folder. Returns the bundle's folder. Raises
    InputError for a recipe that cannot be read.
    """
    recipe, output, ranks = read_recipe(config, sections), Path(output), join(devices)
    budget = AS_STATED if seconds is None else _budget(recipe, time.monotonic() + seconds)
    if ranks.are_many and recipe.precision == "fp16":
        raise InputError("Several devices train with `precision: bf16` or `precision: no`, not with fp16.")
    recipe.memory.check(recipe.whole, ranks.count)
    on_cpu = ranks.device is not None and ranks.device.type == "cpu"
    means = Means(Accelerator(cpu=on_cpu, mixed_precision=recipe.precision), budget, saved, ranks)
    try:
        return _train(recipe, output, means)
    finally:
        if ranks.are_many:
            leave()


def _train(recipe: Recipe, output: Path, means: Means) -> Path:
    bundle, ranks, dtype = output / "bundle", means.ranks, getattr(torch, recipe.dtype)
    bundle.mkdir(parents=True, exist_ok=True)
    if not ranks.is_first:
        ranks.wait(ENCODING)  # what the first one makes alone
    else:
        _make_encoders(recipe, output, bundle, dtype, means)
    encoders = _load_encoders(recipe, bundle)
    clips, held_out = _encode(recipe, encoders, output / "clips", means)
    ranks.say(ENCODING)
    model = _start(recipe, encoders.whisper.width)
    model.saving = save_memory(model.backbone, recipe.memory, Elsewhere(means.accelerator.device))
    if recipe.transformer.compile:
        compile_for_training(model.backbone, model.adapter, means.accelerator.device)

    def write(weights: Mapping[str, Tensor] | None = None) -> None:
        _save(model, recipe, bundle, dtype, weights)
        if means.saved is not None:
            means.saved(bundle)

    after = None
    if recipe.validate is not None:
        after = Validator(
            recipe.validate, held_out, model, encoders, recipe.sampling, output / "validation", means.accelerator,
            ranks, recipe.held,
        )  # fmt: skip
    settings = recipe.transformer
    legs = _weighed(settings.legs, encoders.vae, clips) if settings.weigh_channels else settings.legs
    train_transformer(
        model, clips, legs, output / "transformer", means.accelerator, settings.seed, means.budget, write, ranks,
        recipe.memory, after,
    )  # fmt: skip
    trained = whole(model.state_dict(), ranks.is_first) if ranks.are_many else None
    if ranks.is_first:
        write(trained)
    return bundle


def _budget(recipe: Recipe, deadline: float) -> Budget:
    networks = [(stage.name, stage.seconds) for network in recipe.networks for stage in network.stages]
    legs = [(leg.stage.name, leg.stage.seconds) for leg in recipe.transformer.legs]
    parts = [*networks, (ENCODING, recipe.encoding_seconds), *legs]
    names = [name for name, _ in parts]
    if len(set(names)) < len(names) or not all(seconds for _, seconds in parts):
        stated = ", ".join(f"{name} ({seconds or 0:g} s)" for name, seconds in parts)
        raise InputError(
            "A recipe that is to take a given time needs a name of its own and `seconds` in each stage, and "
            f"`encoding_seconds`. Its stages are {stated}."
        )
    return TimeBudget(deadline, parts)


def _make_encoders(recipe: Recipe, output: Path, bundle: Path, dtype: torch.dtype, means: Means) -> None:
    for network in recipe.networks:
        if not (file := bundle / f"{network.part}.safetensors").exists():
            network.make(file, output, dtype, means)
    if recipe.text_seed is not None and not (bundle / "text_encoder.safetensors").exists():
        encoder = random_text_encoder(recipe.data.captions(), recipe.text_seed, recipe.text_pieces)
        save_text_encoder(bundle / "text_encoder.safetensors", encoder, dtype)


def _load_encoders(recipe: Recipe, bundle: Path) -> Encoders:
    return Encoders(
        _encoder(recipe, "vae", load_vae(_file(recipe, bundle, "vae"))),
        load_text_encoder(_file(recipe, bundle, "text_encoder")),
        _encoder(recipe, "whisper", load_whisper(_file(recipe, bundle, "whisper"))),
        load_clip_vision(recipe.encoders["clip_vision"]) if "clip_vision" in recipe.encoders else None,
    )


def _encode(
    recipe: Recipe, encoders: Encoders, folder: Path, means: Means
) -> tuple[Clips | Sequence[Clips], HeldOut]:
    """Clips of one size, or sets of several; in the GPU's memory where there is one and the model is small. The last
    ones of the last set are held out for validation."""
    device, mixed = means.accelerator.device, isinstance(recipe.data, MixedClips)
    sources = recipe.data.parts if isinstance(recipe.data, MixedClips) else [recipe.data]
    if recipe.held:
        encoders.to(device)
    seconds = means.budget.share(ENCODING)
    encoded: list[EncodedClips] = []
    for number, source in enumerate(sources):
        part = seconds * len(source) / len(recipe.data)
        place = folder / f"{number}" if mixed else folder
        encoded.append(encode_clips(source, encoders, place, recipe.alternate_tasks, part))
    held_out = _hold_out(encoded, sources[-1], 0 if recipe.validate is None else recipe.validate.clips)
    sets: list[Clips] = [HeldClips(part, device) if recipe.held else part for part in encoded]
    return sets if mixed else sets[0], held_out


def _weighed(legs: Sequence[Leg], vae: VideoVAE, clips: Clips | Sequence[Clips]) -> list[Leg]:
    """The legs, with channels weighed by how much they show in the first clip."""
    first = clips[0] if isinstance(clips, Sequence) else clips
    weights = seen_changes(vae, first.batch([0], [0]).latent)
    return [replace(leg, objective=replace(leg.objective, channel_weights=weights)) for leg in legs]


def _hold_out(sets: list[EncodedClips], source: ClipSource, count: int) -> HeldOut:
    """Takes so many clips off the last set."""
    whole = sets[-1]
    if count >= len(whole):
        raise InputError(
            f"`validate` holds {count} clips out, and there are {len(whole)}; give more clips, or a smaller number."
        )
    sets[-1] = EncodedClips(whole.folder, len(whole) - count)
    return HeldOut(whole, source, range(len(whole) - count, len(whole)))


def _encoder(recipe: Recipe, part: str, loaded: Any) -> Any:
    return next((n.while_training(loaded) for n in recipe.networks if n.part == part), loaded)


def _file(recipe: Recipe, bundle: Path, name: str) -> str | Path:
    made = bundle / f"{name}.safetensors"
    if not made.exists() and name not in recipe.encoders:
        raise InputError(
            f"The recipe neither trains a {name} nor names its file under `encoders`; add one of them."
        )
    return recipe.encoders.get(name, made)


def _start(recipe: Recipe, audio_width: int) -> AudioDrivenModel:
    config, adapter = recipe.transformer, None
    generator = torch.Generator().manual_seed(config.seed)
    if config.backbone in CONFIGS:
        backbone = WanModel(CONFIGS[config.backbone])
        backbone.init_weights(generator)
        if config.attend_in_place:
            attend_in_place(backbone)
    else:
        backbone, adapter, _ = load_model(
            config.backbone,
            config.audio_layers,
            recipe.backbone_dtype,
            fp8=recipe.memory.fp8,
            trains_audio=True,
        )
    if adapter is None:
        adapter = AudioAdapter(audio_sizes(backbone.config, audio_width, config.rope))
        adapter.init_weights(generator)
    backbone.gradient_checkpointing = recipe.gradient_checkpointing
    backbone.requires_grad_(recipe.whole)
    if config.lora is not None:
        add_lora(backbone, config.lora, config.seed)
    return AudioDrivenModel(backbone, adapter)


def _save(
    model: AudioDrivenModel,
    recipe: Recipe,
    bundle: Path,
    dtype: torch.dtype,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the whole model where the backbone moved, otherwise the audio layers alone, and LoRA layers beside them."""
    if recipe.transformer.lora is not None:
        beside = model.backbone.state_dict() if weights is None else weights
        save_lora(bundle / LORA, beside, recipe.transformer.lora, dtype)
    metadata: dict[str, Any] = {"sampling": recipe.sampling}
    if recipe.learned_from:
        metadata["learned_from"] = recipe.learned_from
    if weights is not None:
        with torch.device("meta"):  # another model without other memory: the one in training may be wrapped
            model = AudioDrivenModel(WanModel(model.backbone.config), AudioAdapter(model.adapter.config))
        plain = {name: weight for name, weight in weights.items() if not is_lora(name)}
        model.load_state_dict(
            plain, strict=recipe.whole, assign=True
        )  # some alone where they alone are written
    save_model(
        bundle / "model.safetensors", model.backbone if recipe.whole else None, model.adapter, metadata, dtype
    )
