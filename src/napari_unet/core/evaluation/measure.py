"""Measure: a figure computed from counts that add up over pixels, objects and images.

Every measure counts per unit (an object, or a part of the image) and makes its figure of the sum.
So one definition gives the figure of an image, of all images pooled, and of any bootstrap sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unet.core.evaluation.comparison import Comparison, Images, Unlabelled, comparisons


@dataclass(frozen=True)
class Measure:
    """How a figure is counted, and made of what was counted."""

    name: str
    count: Callable[[Comparison], np.ndarray]  # (units, counts) float64
    figure: Callable[[np.ndarray], np.ndarray]  # (…, counts) → (…)
    units: Literal["objects", "parts of the image", "planes"]
    best: Literal[0, 1] = 1

    def of(self, comparison: Comparison) -> float:
        """Return the figure of one image."""
        return float(self.figure(self.count(comparison).sum(0)))

    def over(self, truth: Images, result: Images, unlabelled: Unlabelled, per_image: bool) -> float:
        """Return the figure of all images pooled, or the mean of the figures of each."""
        images = comparisons(truth, result, unlabelled)
        if per_image:
            return float(np.mean([self.of(image) for image in images]))
        return float(self.figure(sum_of([self.count(image) for image in images])))


def sum_of(counted: list[np.ndarray]) -> np.ndarray:
    """Add up what was counted in several images."""
    return np.sum([rows.sum(0) for rows in counted], axis=0)


def share(part: np.ndarray, whole: np.ndarray, empty: float = 1.0) -> np.ndarray:
    """Return part / whole, and ``empty`` where the whole is nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, empty), where=whole > 0)
