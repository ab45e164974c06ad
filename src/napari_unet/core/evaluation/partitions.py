"""Measures of a partition: Rand error, V_Rand and V_Info of the ISBI 2012 challenge.

Only true foreground is looked at. A pixel of it that the result calls border (0) is a region of its
own. Counts are per true object: n its pixels, n_j those in region j of the result, b_j the
foreground pixels of region j. V_Rand and V_Info first thin the borders of the result to one pixel,
because a network draws a border several pixels wide where the truth has one pixel or none: all
regions grow into the border at one speed, breadth first, so that the line ends in the middle.
"""

import numpy as np
from scipy import ndimage
from scipy.special import xlogy

from napari_unet.core.evaluation.comparison import (
    Comparison,
    Images,
    Measure,
    Overlap,
    Unlabelled,
    count_overlap,
    share,
)
from napari_unet.core.runtime.jit import jit

OUTSIDE, LINE, WAITING = -1, -2, -3  # beside the labels: 0 border yet, > 0 a region


def regions(foreground: np.ndarray) -> np.ndarray:
    """Number the regions of the foreground (> 0) whose pixels share an edge (in 3-D a face).

    Two regions that meet at a corner only are two, as in the 2012 challenge.
    """
    return ndimage.label(np.asarray(foreground) > 0)[0]


def thin_borders(labels: np.ndarray) -> np.ndarray:
    """Return ``labels`` grown into 0 until regions meet; what stays 0 is where they meet."""
    padded = np.pad(labels.astype(np.int64), 1, constant_values=OUTSIDE)
    steps = np.array([side * stride // 8 for stride in padded.strides for side in (-1, 1)])
    _grow(padded.reshape(-1), steps)
    grown = padded[(slice(1, -1),) * labels.ndim]
    return np.maximum(grown, 0)


@jit
def _grow(labels: np.ndarray, steps: np.ndarray) -> None:
    """Grow the regions of the flat, padded ``labels`` in place."""
    queue = np.empty(len(labels), np.int64)
    first = last = 0
    for place in range(len(labels)):
        if labels[place] > 0:
            last = _wait(labels, place, steps, queue, last)
    while first < last:
        place = queue[first]
        first += 1
        labels[place] = _region_beside(labels, place, steps)
        if labels[place] > 0:
            last = _wait(labels, place, steps, queue, last)


@jit
def _wait(labels: np.ndarray, place: int, steps: np.ndarray, queue: np.ndarray, last: int) -> int:
    """Queue the undecided pixels beside ``place``; return the new end of the queue."""
    for step in steps:
        if labels[place + step] == 0:
            labels[place + step] = WAITING
            queue[last] = place + step
            last += 1
    return last


@jit
def _region_beside(labels: np.ndarray, place: int, steps: np.ndarray) -> int:
    """Return the one region beside ``place``, or LINE where there are several."""
    region = 0
    for step in steps:
        beside = labels[place + step]
        if beside > 0:
            if region > 0 and beside != region:
                return LINE
            region = beside
    return region


ROUNDING = 1e-12  # nats; two entropies below this sum are none


def rand_error(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> float:
    """Return 1 − the F-score over pairs of foreground pixels, the Rand error of the 2012 challenge.

    A pair is positive in the truth where both pixels are of one object, in the result likewise.
    """
    return rand_error_measure().over(truth, result, unlabelled, per_image)


def v_rand(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    thin: bool = True,
    per_image: bool = False,
) -> float:
    """Return V_Rand: Σ p_ij² over the mean of Σ a_i² and Σ b_j², after thinning the borders."""
    return v_rand_measure(thin).over(truth, result, unlabelled, per_image)


def v_info(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    thin: bool = True,
    per_image: bool = False,
) -> float:
    """Return V_Info: 2 I(T; R) / (H(T) + H(R)), after thinning the borders."""
    return v_info_measure(thin).over(truth, result, unlabelled, per_image)


def rand_error_measure() -> Measure:
    """The counts are n(n − 1), Σ n_j(b_j − 1) and Σ n_j(n_j − 1): ordered pairs of pixels."""

    def count(comparison: Comparison) -> np.ndarray:
        overlap = comparison.overlap
        regions = overlap.restricted_areas[overlap.columns]
        areas = overlap.truth_areas.astype(float)
        crossed = _per_object(overlap, overlap.shared * (regions - 1.0))
        both = _per_object(overlap, overlap.shared * (overlap.shared - 1.0))
        return np.stack([areas * (areas - 1), crossed, both], 1)

    def figure(counts: np.ndarray) -> np.ndarray:
        return 1 - share(2 * counts[..., 2], counts[..., 0] + counts[..., 1])

    return Measure("rand_error", count, figure, "objects", best=0)


def v_rand_measure(thin: bool = True) -> Measure:
    """The counts are n², Σ n_j b_j and Σ n_j²; a border pixel adds 1 to the last two."""

    def count(comparison: Comparison) -> np.ndarray:
        overlap = _partition(comparison, thin)
        areas = overlap.truth_areas.astype(float)
        border = areas - overlap.covered
        regions = overlap.restricted_areas[overlap.columns]
        crossed = _per_object(overlap, overlap.shared * regions.astype(float))
        both = _per_object(overlap, overlap.shared.astype(float) ** 2)
        return np.stack([areas**2, crossed + border, both + border], 1)

    def figure(counts: np.ndarray) -> np.ndarray:
        return share(2 * counts[..., 2], counts[..., 0] + counts[..., 1])

    return Measure("v_rand", count, figure, "objects")


def v_info_measure(thin: bool = True) -> Measure:
    """The counts are n, n log n, Σ n_j log b_j and Σ n_j log n_j; a border pixel adds 0 to all
    but n."""

    def count(comparison: Comparison) -> np.ndarray:
        overlap = _partition(comparison, thin)
        areas, regions = overlap.truth_areas, overlap.restricted_areas[overlap.columns]
        crossed = _per_object(overlap, overlap.shared * np.log(regions))
        both = _per_object(overlap, xlogy(overlap.shared, overlap.shared))
        return np.stack([areas, xlogy(areas, areas), crossed, both], 1)

    def figure(counts: np.ndarray) -> np.ndarray:
        total = np.maximum(counts[..., :1], 1)
        truth, result, joint = np.moveaxis(np.log(total) - counts[..., 1:] / total, -1, 0)
        entropies = np.where(truth + result < ROUNDING, 0.0, truth + result)
        return share(np.maximum(2 * (truth + result - joint), 0), entropies)

    return Measure("v_info", count, figure, "objects")


def _partition(comparison: Comparison, thin: bool) -> Overlap:
    return comparison.kept("thinned", lambda: _thinned(comparison)) if thin else comparison.overlap


def _thinned(comparison: Comparison) -> Overlap:
    regions = thin_borders(comparison.result)
    return count_overlap(comparison.known(comparison.truth), comparison.known(regions))


def _per_object(overlap: Overlap, values: np.ndarray) -> np.ndarray:
    """Add up values of the pairs for each true object."""
    return np.bincount(overlap.rows, values, len(overlap.truth_ids))
