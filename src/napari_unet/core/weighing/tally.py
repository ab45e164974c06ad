"""Tally: how many pixels each class has, and what each pixel then weighs."""

import numpy as np

from napari_unet.core.coding import UNLABELLED
from napari_unet.core.compiled import compiled


def tally(classes: np.ndarray) -> np.ndarray:
    """Count the pixels of each class, int64 (256,)."""
    counts = np.zeros((4, UNLABELLED + 1), np.int64)
    _count(np.ascontiguousarray(classes).ravel(), counts)
    return counts.sum(axis=0)


@compiled
def _count(classes: np.ndarray, counts: np.ndarray) -> None:
    """Count into four rows by turns: to add to one number again and again means to wait for it."""
    even = classes.size - classes.size % 4
    for i in range(0, even, 4):
        for row in range(4):
            counts[row, classes[i + row]] += 1
    for i in range(even, classes.size):
        counts[0, classes[i]] += 1


@compiled
def weigh(
    classes: np.ndarray, weights: np.ndarray, separation: np.ndarray, found: np.ndarray
) -> None:
    """Set what a pixel's class weighs, and the separation there."""
    for i in range(classes.size):
        found[i] = weights[classes[i]] + separation[i]
