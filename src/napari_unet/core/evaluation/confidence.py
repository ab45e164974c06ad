"""Confidence: how far a figure would move had other images, or other objects, been scored.

The bootstrap draws as many units as there are, with replacement, and takes the middle 95 % of the
figures so found. Units are the images; of a single image, its objects, parts or planes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from napari_unet.core.evaluation.measure import Measure

DRAWS = 2000
LEVEL = 0.95
DRAWN_AT_ONCE = 1 << 22  # units, to bound memory


class Interval(NamedTuple):
    """The middle 95 % of a figure over bootstrap draws of ``number`` of ``units``."""

    low: float
    high: float
    units: str
    number: int


def pooled_interval(measure: Measure, counted: list[np.ndarray], seed: int = 0) -> Interval | None:
    """Return the interval of the figure of all images pooled; None where there is one unit only.

    ``counted`` holds what ``measure.count`` gave for each image.
    """
    several = len(counted) > 1
    units = np.stack([rows.sum(0) for rows in counted]) if several else counted[0]
    return _interval(measure.figure, units, "images" if several else measure.units, seed)


def mean_interval(figures: np.ndarray, seed: int = 0) -> Interval | None:
    """Return the interval of the mean of the figures of each image."""
    units = np.stack([figures, np.ones(len(figures))], 1)
    return _interval(lambda counts: counts[..., 0] / counts[..., 1], units, "images", seed)


def _interval(
    figure: Callable[[np.ndarray], np.ndarray], units: np.ndarray, name: str, seed: int
) -> Interval | None:
    number = len(units)
    if number < 2:
        return None
    rng = np.random.default_rng(seed)
    at_once = max(1, min(DRAWS, DRAWN_AT_ONCE // number))
    sums = [
        _drawn_sums(rng, units, min(at_once, DRAWS - start)) for start in range(0, DRAWS, at_once)
    ]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(figure(np.concatenate(sums)), tails)
    return Interval(float(low), float(high), name, number)


def _drawn_sums(rng: np.random.Generator, units: np.ndarray, draws: int) -> np.ndarray:
    """Return (draws, counts): the units of each draw added up."""
    number = len(units)
    drawn = rng.integers(number, size=(draws, number)) + number * np.arange(draws)[:, None]
    times = np.bincount(drawn.ravel(), minlength=draws * number).reshape(draws, number)
    return times @ units
