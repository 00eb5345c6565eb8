"""LoRA files: which weight of a Wan backbone each of their tensors changes, by the names that trainers give them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..typed import read_number, read_path, spellings
from .header import FORMAT_NAMES, Header, read_header, sections_of
from .signatures import KINDS, find_kind, other_model

Role = Literal["up", "down", "alpha", "diff"]

PAIR = re.compile(r"(.+?)[._]lora(?:_linear_layer)?[._](A|B|a|b|down|up)((\.[\w-]+)?\.weight)?")
WHOLE = re.compile(r"(.+)\.(alpha|diff|diff_b|diff_m|w_norm|b_norm)")
ROLES: dict[str, Role] = {"down": "down", "a": "down", "up": "up", "b": "up", "alpha": "alpha"}
# what else of a layer than its weight
CHANGED = {"diff_b": "bias", "b_norm": "bias", "diff_m": "modulation"}
PREFIXES = re.compile(
    r"^((base_model|model|diffusion_model|transformer|unet|pipe|dit|module|_orig_mod)\.|(lora_unet|lora_transformer|lycoris)_)+"
)  # what trainers and hosts put before the names
FORMS = (
    ("LoKr", r"\.lokr_"), ("LoHa", r"\.hada_"), ("DoRA", r"\.(dora_scale|lora_magnitude_vector)"),
    ("GLoRA", r"\.[ab][12]\.weight$"), ("OFT", r"\.(b?oft_|oft_diag)"), ("IA3", r"\.ia3_l"), ("VeRA", r"\.vera_"),
    ("a LoCon with a core", r"[._]lora[._]mid"), ("weights that replace others", r"\.(set|reshape)_weight$"),
    ("pairs with a bias", r"[._]lora[._]\w+(\.[\w-]+)?\.bias$"),
)  # fmt: skip
# Wan's names, then those of diffusers.
DIFFUSERS = (
    ("self_attn.", "attn1."), ("cross_attn.", "attn2."), (".o.", ".to_out.0."), (".q.", ".to_q."), (".k.", ".to_k."),
    (".v.", ".to_v."), (".k_img.", ".add_k_proj."), (".v_img.", ".add_v_proj."), ("norm_k_img", "norm_added_k"),
    (".ffn.0.", ".ffn.net.0.proj."), (".ffn.2.", ".ffn.net.2."), ("norm3", "norm2"),
    ("head.modulation", "scale_shift_table"), ("modulation", "scale_shift_table"), ("head.head", "proj_out"),
    ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
    ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
    ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
    ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
    ("time_projection.1", "condition_embedder.time_proj"),
    ("img_emb.proj.0", "condition_embedder.image_embedder.norm1"),
    ("img_emb.proj.1", "condition_embedder.image_embedder.ff.net.0.proj"),
    ("img_emb.proj.3", "condition_embedder.image_embedder.ff.net.2"),
    ("img_emb.proj.4", "condition_embedder.image_embedder.norm2"),
)  # fmt: skip
NEEDED = "A LoRA of pairs (lora_up and lora_down, or lora_B and lora_A) or of differences (.diff) is needed"
FORMATS = {*FORMAT_NAMES, "F64", "F8_E4M3", "F8_E5M2"}  # of halves and differences
LISTED, LONGEST = 3, 100  # names in a message, characters of one


@dataclass(frozen=True)
class Lora:
    """A file, and by which factor its changes are added."""

    path: Path
    strength: float = 1.0

    def __str__(self) -> str:
        return f"{self.path}:{self.strength}"


@dataclass
class Change:
    """What a file has for one weight: its tensors by their role."""

    weight: str  # the name in the backbone
    tensors: dict[Role, str] = field(default_factory=dict)


def read_lora(text: str) -> Lora:
    """FILE or FILE:STRENGTH, where a file that is called so goes first. Raises ValueError for a strength that is
    none."""
    *_, bare = spellings(text)
    before, colon, after = bare.rpartition(":")
    path = read_path(text)
    if not colon or path.exists():
        return Lora(path)
    file = read_path(before)
    try:
        return Lora(file, float(read_number(after)))
    except ValueError as error:
        if file.is_file():
            raise ValueError(f"the strength after {file} must be a number such as 0.8") from error
        return Lora(path)


def with_calibrations(headers: Iterable[Header], loras: Iterable[Lora]) -> dict:
    """`sections_of` a model whose caches may have been calibrated with these LoRA files, which state nothing else."""
    beside = [Header(lora.path, {}, {}, "", {}) for lora in loras]
    return sections_of([*headers, *beside])


def read_changes(path: Path, weights: Collection[str]) -> tuple[Header, list[Change], list[str]]:
    """The header of a file, its changes to weights of these names, and the tensors that have to do with no such weight.

    Raises InputError for what is no LoRA, for a form that is not read here, and for a file that is incomplete.
    """
    header = read_header(path, "")
    check_form(header)
    known = spelled_names(weights)
    changes: dict[str, Change] = {}
    foreign = []
    for name in header.shapes:
        layer, role, part = meaning(name)
        weight = known.get(f"{layer}_{part}") or known.get(layer if part == "weight" else "")
        if role is None or weight is None:
            foreign.append(name)
            continue
        tensors = changes.setdefault(weight, Change(weight)).tensors
        if role in tensors:
            raise InputError(
                f"{path} has two tensors for one, {tensors[role]} and {name}. Give a file with one LoRA."
            )
        tensors[role] = name
    for change in changes.values():
        check_complete(header, change)
    return header, list(changes.values()), foreign


def meaning(name: str) -> tuple[str, Role | None, str]:
    """The layer that a tensor changes, as `spelled`; its role, None for what is no LoRA's; the part of the layer."""
    if found := PAIR.fullmatch(name):
        return spelled(found[1]), ROLES[found[2].lower()], "weight"
    if found := WHOLE.fullmatch(name):
        return spelled(found[1]), ROLES.get(found[2], "diff"), CHANGED.get(found[2], "weight")
    return name, None, ""


def spelled(name: str) -> str:
    """Without prefixes, and with underscores alone, as kohya writes names."""
    return re.sub(r"[._]+", "_", PREFIXES.sub("", name).replace(".processor.", ".")).strip("_")


def spelled_names(weights: Iterable[str]) -> dict[str, str]:
    """Weights by what a LoRA may call them."""
    known = {}
    for weight in weights:
        theirs = weight
        for own, other in DIFFUSERS:
            theirs = theirs.replace(own, other)
        known |= {spelled(theirs): weight, spelled(weight): weight}
    return known


def check_form(header: Header) -> None:
    """Raises InputError for what is no LoRA of a form that is read here."""
    path = header.path
    kind = find_kind(read_header(path).shapes)
    if kind != "lora":
        has = f", whose tensors have names like {listed(header.shapes)}" if kind == "unknown" else ""
        raise InputError(f"{path} is {KINDS[kind].title}{has}. {NEEDED} here. {KINDS[kind].place}")
    for form, pattern in FORMS:
        if found := next((name for name in header.shapes if re.search(pattern, name)), None):
            raise InputError(
                f"{path} has {form} ({found[:LONGEST]}), which is not read here. {NEEDED}; in ComfyUI, Load LoRA may "
                "read this file."
            )


def check_complete(header: Header, change: Change) -> None:
    """Raises InputError for one half of a pair, for an alpha that is no number, and for numbers that are packed."""
    path, tensors = header.path, change.tensors
    halves = {"up", "down"} & tensors.keys()
    if len(halves) == 1 or not (halves or "diff" in tensors):
        raise InputError(
            f"{path} has {' and '.join(tensors.values())} without the other part of the pair: it is incomplete. "
            "Download it again."
        )
    alpha = tensors.get("alpha")
    if alpha is not None and (header.formats[alpha] == "BOOL" or math.prod(header.shapes[alpha]) != 1):
        raise InputError(
            f"{path} has {alpha} of shape {list(header.shapes[alpha])}; one number is needed. Download it again."
        )
    if packed := {header.formats[name] for role, name in tensors.items() if role != "alpha"} - FORMATS:
        raise InputError(
            f"{path} is quantised ({', '.join(sorted(packed))}). Give its float16, bfloat16 or float32 file."
        )


def foreign_problem(header: Header, foreign: Collection[str], backbone: Path) -> InputError:
    """Of a LoRA that has tensors for layers that the backbone has not."""
    other = other_model(header.shapes)
    whose = "" if other is None else f" They have the names of {other}."
    return InputError(
        f"{header.path} has {len(foreign)} of {len(header.shapes)} tensors for layers that {backbone} does not have, "
        f"such as {listed(foreign)}.{whose} Give a LoRA that was trained for this backbone."
    )


def wrong_shape(header: Header, change: Change, shape: tuple[int, ...]) -> InputError | None:
    """Of a change that has another shape than the weight."""
    tensors = {role: header.shapes[name] for role, name in change.tensors.items() if role != "alpha"}
    fits = "diff" not in tensors or flat(tensors["diff"]) == flat(shape)
    if "up" in tensors:
        (rows, rank), (inner, width) = flat(tensors["up"]), flat(tensors["down"])
        fits = fits and rank == inner > 0 and (rows, width) == flat(shape)
    if fits:
        return None
    given = " and ".join(str(list(tensors[role])) for role in ("diff", "up", "down") if role in tensors)
    return InputError(
        f"{header.path} changes {change.weight}, which has shape {list(shape)} in this backbone, by {given}. Give a "
        "LoRA that was trained for a backbone of this size."
    )


def flat(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a weight as a matrix; a vector has a row for each number."""
    return (shape[0] if shape else 1), math.prod(shape[1:])


def listed(names: Collection[str]) -> str:
    more = ", ..." if len(names) > LISTED else ""
    return ", ".join(name[:LONGEST] for name in list(names)[:LISTED]) + more
