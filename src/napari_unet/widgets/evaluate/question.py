"""Question: two labels layers as they were when somebody asked how well one agrees with the other.

It crosses to the compute thread, so it holds copies and facts and no layers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.layers.layers import NOTES

FOREIGN = LabelCode("background", "objects")  # what labels of other programs mean
KNOWN = ("zero", "ids", "classes")  # any of these notes: a layer of this plugin


@dataclass(frozen=True, eq=False)
class Question:
    """Truth and result, what their values mean, and what to measure."""

    truth: Any  # a copy, or lazily sliceable pixels that nobody paints
    result: Any
    truth_code: LabelCode
    result_code: LabelCode
    classes: bool  # compare classes instead of objects
    times: bool  # the first axis is time: each time point is an image of its own
    iou: float = 0.5  # that makes a match
    warping: bool = False


def question(
    truth: Labels, result: Labels, *, classes: bool, iou: float = 0.5, warping: bool = False
) -> Question:
    """Copy what the two layers hold; refused in words where they do not fit."""
    if truth is result:
        raise ValueError(f"'{truth.name}' is truth and result at once: choose two layers")
    shapes = [tuple(pixels_of(layer).shape) for layer in (truth, result)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"'{truth.name}' has the shape {_told(shapes[0])} and '{result.name}' "
            f"{_told(shapes[1])}: choose labels of the same image"
        )
    return Question(
        _copy(truth), _copy(result), meaning(truth), meaning(result),
        classes, has_times(truth), iou, warping,
    )  # fmt: skip


def meaning(layer: Labels) -> LabelCode:
    """Return what the values of ``layer`` mean; 0 is background where nobody said otherwise."""
    kept = layer.metadata.get(NOTES, {})
    return code_of(layer) if any(name in kept for name in KNOWN) else FOREIGN


def has_times(layer: Labels) -> bool:
    """Whether the first axis of ``layer`` is time."""
    return bool(layer.ndim > 2 and str(layer.axis_labels[0]).lower() in ("t", "time"))


def pixels_of(layer: Labels) -> Any:
    """Return the pixels of ``layer``, of a pyramid the largest level."""
    return layer.data[0] if layer.multiscale else layer.data


def _copy(layer: Labels) -> Any:
    pixels = pixels_of(layer)
    if isinstance(pixels, np.ndarray):
        pixels = pixels.copy()
        pixels.setflags(write=False)
    return pixels


def _told(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
