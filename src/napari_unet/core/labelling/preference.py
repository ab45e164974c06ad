"""Preference: the class that the scores prefer over the pixels of an object."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.core.sweep import sweep

EDGE = (64, 1024, 1024)  # px of a box, along the last axes


def preferred_classes(labels: Any, scores: Any, wanted: Sequence[int]) -> np.ndarray:
    """Return the class (1…) of each of the ``wanted`` labels whose scores have the largest sum.

    ``scores``: (classes, *shape of the labels); the background is left aside, because whoever drew
    the object has said that it is none. Both are read a box at a time. An object of which nothing
    is scored is of class 1.
    """
    known = np.sort(np.asarray(wanted, np.int64))
    sums = np.zeros((scores.shape[0], len(known)))
    for box in sweep(labels.shape, (*(1,) * (len(labels.shape) - 3), *EDGE[-len(labels.shape) :])):
        here = np.asarray(labels[box])
        inside = np.isin(here, known)
        if inside.any():
            place = np.searchsorted(known, here[inside])
            for kind, score in enumerate(np.asarray(scores[(slice(None), *box)])):
                sums[kind] += np.bincount(place, score[inside], len(known))
    best = 1 + sums[1:].argmax(axis=0)
    return best[np.searchsorted(known, np.asarray(wanted, np.int64))].astype(np.uint8)
