"""Mirrored context: what a tile reads beyond the edge of the image.

The edge pixel is not repeated (numpy's ``reflect``) and an image smaller than the context is
mirrored as often as needed. Indices are folded and only the pixels they point to are read, so
that neither a padded copy nor the whole of a large image is ever in memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def mirror_indices(start: int, stop: int, length: int) -> np.ndarray:
    """Fold the places ``start`` to ``stop`` of an axis of ``length`` pixels into the axis."""
    if length < 1:
        raise ValueError(f"an axis of {length} pixels cannot be mirrored: it needs at least 1")
    period = max(2 * (length - 1), 1)  # an axis of one pixel is constant
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded) if length > 1 else folded


def read_mirrored(image: Any, places: Sequence[slice]) -> np.ndarray:
    """Read ``image`` (anything that can be sliced) at ``places``, which may lie beyond its edges.

    One slice an axis; what is asked of ``image`` is one box of pixels inside it.
    """
    if len(places) != len(image.shape):
        raise ValueError(f"{len(places)} slices for an image of {len(image.shape)} axes")
    folded = [
        mirror_indices(place.start, place.stop, length)
        for place, length in zip(places, image.shape, strict=True)
    ]
    box = tuple(slice(int(found.min()), int(found.max()) + 1) for found in folded)
    pixels = np.asarray(image[box])
    for axis, (found, place) in enumerate(zip(folded, box, strict=True)):
        if place.stop - place.start != len(found) or found[0] != place.start:
            pixels = np.take(pixels, found - place.start, axis)
    return pixels
