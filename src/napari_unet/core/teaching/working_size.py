"""Working size: how many pixels of the image one pixel of the network should be.

The smallest network sees about 40 pixels at once. Objects much larger than that look the same
everywhere inside; at half or a quarter of the size they fit.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from napari_unet.core.arrays.boxes import grow
from napari_unet.core.teaching.blended_scores import BlendedScorer, predict
from napari_unet.core.teaching.image_view import ImageView
from napari_unet.core.teaching.strokes import Stroke, Strokes

FACTORS = (1, 2, 4)
SEEN = 40.0  # pixels the smallest network sees at once
LOOKED_AT = 6  # objects measured, those painted last
CONTEXT = 96  # pixels around a stroke in which its object is measured
LARGE = 2.0  # objects this many times as wide are better looked at from farther away


class WorkingSize(NamedTuple):
    """How many pixels of the image should be one of the network, and why."""

    factor: int
    width: float  # of the painted objects, in pixels of the image
    said: str


def suggested(widths: Iterable[float], now: int) -> WorkingSize | None:
    """Suggest a working size for objects of these widths; None where it is as it should be."""
    every = list(widths)
    if not every:
        return None
    width = float(np.median(every))
    factor = next((f for f in FACTORS if width / f <= LARGE * SEEN), FACTORS[-1])
    if factor == now:
        return None
    share = {1: "full", 2: "½", 4: "¼"}[factor]
    reason = f"Your objects look about {width:.0f} px wide: working at {share} size " + (
        "would show more of each." if factor > now else "would show finer detail."
    )
    return WorkingSize(factor, width, reason)


def painted_width(stroke: Stroke) -> float:
    """Return the width (px) of an object at least: that of the brush that was drawn inside it."""
    box = stroke.box
    inside = np.zeros([part.stop - part.start + 2 for part in box], bool)
    corner = [part.start - 1 for part in box]
    inside[tuple((stroke.pixels - corner).T)] = True
    return float(2 * distance_transform_edt(inside).max())


def found_width(labels: np.ndarray, at: np.ndarray, kind: int) -> float | None:
    """Return the width (px) of the piece of class ``kind`` that holds most of the pixels ``at``."""
    pieces, _ = label(labels == kind)
    numbers = pieces[tuple(at.T)]
    numbers = numbers[numbers > 0]
    if not len(numbers):
        return None
    piece = np.pad(pieces == np.bincount(numbers).argmax(), 1)
    return float(2 * distance_transform_edt(piece).max())


def widths_of(strokes: Strokes, picture: ImageView, scorer: BlendedScorer | None) -> list[float]:
    """Return the widths (px) of painted objects: as the network finds them, or as painted."""
    widths = []
    for stroke in [s for s in strokes if s.kind > 0][-LOOKED_AT:]:
        width = painted_width(stroke)
        if scorer is not None:
            shape = picture.shape
            box = grow(stroke.box, CONTEXT, shape[-2:])
            labels, _ = predict(picture, scorer, (*(slice(i, i + 1) for i in stroke.plane), *box))
            corner = [part.start for part in box]
            plane = labels.reshape(labels.shape[-2:])
            width = max(width, found_width(plane, stroke.pixels - corner, stroke.kind) or 0.0)
        widths.append(width)
    return widths
