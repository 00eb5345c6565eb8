"""The shift of the flow schedule that a MODEL brings."""

from __future__ import annotations

import comfy.model_sampling

from ...skyreels_core.errors import InputError
from ...skyreels_core.run.settings import Settings


def shift_of(model) -> float:
    """Of the MODEL's own schedule. Raises InputError for one that is no flow, such as of ModelSamplingDiscrete."""
    sampling = model.get_model_object("model_sampling")
    if not isinstance(sampling, comfy.model_sampling.CONST):
        raise InputError(
            f"The model has the noise schedule {type(sampling).__mro__[1].__name__} on it, but it is a "
            "flow-matching model. Remove that node; ModelSamplingSD3 sets the shift."
        )
    if isinstance(sampling, comfy.model_sampling.ModelSamplingDiscreteFlow):
        return sampling.shift
    half = sampling.percent_to_sigma(0.5)  # ModelSamplingFlux counts otherwise: k / (k + 1) for the shift k
    return half / (1 - half)


def recommended_shift(model, preset: Settings) -> tuple[float, str]:
    """Where none is asked for: that of a node such as ModelSamplingSD3, else the preset's; and which it is."""
    if "model_sampling" in model.object_patches:
        return shift_of(model), "of the ModelSampling node"
    return preset.shift, "recommended for the model"
