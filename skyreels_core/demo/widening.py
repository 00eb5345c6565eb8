"""A VAE of Wan's structure grown to more channels: at first it computes what the narrow one does.

New channels begin at zero: the weights that make them are zero, those that read them are not, so they learn from the
first step on.
"""

from __future__ import annotations

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor

NORM = ".gamma"


@torch.no_grad()
def widen(narrow: AutoencoderKLWan, wide: AutoencoderKLWan) -> None:
    """Give `wide`, freshly initialised, what `narrow` has learned. Raises ValueError where it is not as wide."""
    if wide.config["base_dim"] < narrow.config["base_dim"]:
        widths = narrow.config["base_dim"], wide.config["base_dim"]
        raise ValueError(
            f"a VAE of width {widths[0]} cannot start one of width {widths[1]}; give at least {widths[0]}"
        )
    known = narrow.state_dict()
    wide.load_state_dict(
        {name: _grown(name, known[name], fresh) for name, fresh in wide.state_dict().items()}
    )


def _grown(name: str, old: Tensor, fresh: Tensor) -> Tensor:
    if old.shape == fresh.shape:
        return old
    if name.endswith(NORM):
        return _norm(old, fresh)
    parts = _parts(name)
    grown = [_part(o, f) for o, f in zip(old.chunk(parts), fresh.chunk(parts), strict=True)]
    if "to_qkv" in name:  # attention divides by the root of the width
        grown[0] *= (fresh.shape[0] / old.shape[0]) ** 0.5
    return torch.cat(grown)


def _parts(name: str) -> int:
    """A convolution that makes several things makes them one after the other: query, key, value; two frames."""
    return 3 if "to_qkv" in name else 2 if "upsamplers" in name and "time_conv" in name else 1


def _part(old: Tensor, fresh: Tensor) -> Tensor:
    grown = torch.zeros_like(fresh)
    if old.dim() > 1:
        grown[: len(old)] = fresh[: len(old)]
        grown[: len(old), : old.shape[1]] = old
    else:
        grown[: len(old)] = old
    return grown


def _norm(old: Tensor, fresh: Tensor) -> Tensor:
    """It multiplies by the root of the number of channels."""
    grown = fresh.clone()
    grown[: len(old)] = old * (len(old) / len(fresh)) ** 0.5
    return grown
