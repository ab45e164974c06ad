"""Planes: maps as the compiled loops see them, by their address, so that all are of one type."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.fast_conv.simd import BYTES
from napari_unet.core.runtime.jit import jit


class FeatureMap(NamedTuple):
    """(height, width, channels) float32: a part of a map, with all its channels.

    Whoever makes one keeps the array alive.
    """

    place: int  # address
    row: int  # bytes from one row to the next
    height: int
    width: int
    channels: int


NOTHING = FeatureMap(0, 0, 0, 0, 0)


def plane_of(array: np.ndarray) -> FeatureMap:
    """See an array (height, width, channels), or rows and columns of one."""
    if not array.size:
        return NOTHING
    assert array.dtype == np.float32
    assert array.strides[1:] == (BYTES * array.shape[2], BYTES)
    return FeatureMap(array.ctypes.data, array.strides[0], *array.shape)


@jit
def rows_of(plane: FeatureMap, first: int, last: int) -> FeatureMap:
    """Return the rows from ``first`` to ``last``."""
    start = plane.place + first * plane.row
    return FeatureMap(start, plane.row, last - first, plane.width, plane.channels)
