"""Thinning: regions grow into the border between them until a line of one pixel is left.

What a network draws as a border is several pixels wide, where the truth says one or none. Growing
all regions at one speed, breadth first, puts the line in the middle.
"""

import numpy as np
from scipy import ndimage

from napari_unet.core.compiled import compiled

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


@compiled
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


@compiled
def _wait(labels: np.ndarray, place: int, steps: np.ndarray, queue: np.ndarray, last: int) -> int:
    """Queue the undecided pixels beside ``place``; return the new end of the queue."""
    for step in steps:
        if labels[place + step] == 0:
            labels[place + step] = WAITING
            queue[last] = place + step
            last += 1
    return last


@compiled
def _region_beside(labels: np.ndarray, place: int, steps: np.ndarray) -> int:
    """Return the one region beside ``place``, or LINE where there are several."""
    found = 0
    for step in steps:
        beside = labels[place + step]
        if beside > 0:
            if found > 0 and beside != found:
                return LINE
            found = beside
    return found
