"""The axes of an array as letters: T time, Z depth, Y, X, and C for channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LETTERS = "TZYXC"


def guess_axes(shape: Sequence[int], dims: int = 2, labels_ndim: int | None = None) -> str:
    """Guess the axes of an image of ``shape``; a last axis of 3 or 4 after two others is colour.

    ``labels_ndim`` settles the doubt where labels are known: they have every axis but channels.
    """
    ndim = len(shape)
    if labels_ndim is None:
        colour = ndim >= dims + 1 and shape[-1] in (3, 4)
    elif labels_ndim in (ndim, ndim - 1):
        colour = labels_ndim == ndim - 1
    else:
        raise ValueError(
            f"the image has {ndim} axes and the labels have {labels_ndim}: "
            "labels have the axes of the image, channels left out"
        )
    spatial = ndim - colour
    if not 2 <= spatial <= 4:
        raise ValueError(f"an image of shape {tuple(shape)} has {ndim} axes: name them with axes=")
    return "TZYX"[4 - spatial :] + "C" * colour


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Return ``axes`` in capitals, or say what is wrong with it for an image of ``shape``."""
    axes = axes.upper()
    if len(axes) != len(shape):
        raise ValueError(
            f"axes '{axes}' names {len(axes)} axes and the image of shape {tuple(shape)} "
            f"has {len(shape)}"
        )
    wrong = [letter for letter in axes if letter not in LETTERS]
    if wrong or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(f"axes '{axes}': use each of T, Z, Y, X, C at most once; Y and X always")
    return axes


def spatial_axes(axes: str) -> str:
    """Drop the channels: the axes that labels have."""
    return axes.replace("C", "")


def channels_first(image: np.ndarray, axes: str) -> np.ndarray:
    """Return a view with the channel axis first, made where there is none."""
    return np.moveaxis(image, axes.index("C"), 0) if "C" in axes else image[None]


def canonical(image: np.ndarray, axes: str) -> np.ndarray:
    """Return a view with the axes in the order C, T, Z, Y, X; the channel axis always first."""
    pixels = channels_first(image, axes)
    return pixels.transpose(0, *(1 + place for place in _order(spatial_axes(axes))))


def canonical_labels(labels: np.ndarray, axes: str) -> np.ndarray:
    """Return a view of labels of an image of ``axes`` with the axes in the order T, Z, Y, X."""
    return labels.transpose(_order(spatial_axes(axes)))


def _order(axes: str) -> list[int]:
    return sorted(range(len(axes)), key=lambda place: LETTERS.index(axes[place]))


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """An image for ``core``: nothing of it is read before it is needed."""

    data: Any  # numpy, dask or zarr; level 0 of a pyramid
    axes: str
    pixel_size: dict[str, float]  # µm by axis; empty where the layer has no length unit
