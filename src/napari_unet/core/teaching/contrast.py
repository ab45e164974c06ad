"""Contrast of an image of any size: the whole of it where that is quick, else a spread of boxes."""

from collections.abc import Iterator

import numpy as np

from napari_unet.core.normalisation import Contrast, Normalisation
from napari_unet.core.segmenting.canonical import CanonicalImage

WHOLE = 2**24  # pixels up to which the whole image is measured
BOXES = 64  # boxes that settle the percentiles of a larger one
EDGE = 256  # pixels along the edge of such a box
STRIDES = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)  # an even spread in 3-D


def measure(view: CanonicalImage, normalisation: Normalisation) -> Contrast:
    """Measure an image; of one that is too large to be read, boxes spread evenly over it."""
    if np.prod(view.places) <= WHOLE:
        return normalisation.measure(view, view.axes)
    sample = np.concatenate([_flat(view, box) for box in _boxes(view.places)], axis=1)
    plain = Normalisation(normalisation.low, normalisation.high)
    return plain.measure(sample[:, None], "CYX")


def _boxes(places: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield boxes of one plane each, whose corners fill the image evenly."""
    leading, seen = places[:-2], places[-2:]
    planes = int(np.prod(leading, dtype=int))
    for number in range(BOXES):
        along = [(0.5 + number * stride) % 1 for stride in STRIDES]
        plane = np.unravel_index(int(along[2] * planes), leading) if leading else ()
        corner = [
            int(share * max(n - EDGE, 0) / EDGE + 0.5) * EDGE
            for share, n in zip(along[:2], seen, strict=True)
        ]
        inside = (slice(a, min(a + EDGE, n)) for a, n in zip(corner, seen, strict=True))
        yield (*(slice(int(p), int(p) + 1) for p in plane), *inside)


def _flat(view: CanonicalImage, box: tuple[slice, ...]) -> np.ndarray:
    """Return the pixels of ``box`` as (C, pixels)."""
    pixels, _ = view.read(box)
    return pixels.reshape(len(pixels), -1)
