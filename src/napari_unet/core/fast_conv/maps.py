"""Planes: maps as the compiled loops see them, by their address, so that all are of one type."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.fast_conv.simd import BYTES
from napari_unet.core.runtime.jit import compiled


class Plane(NamedTuple):
    """(height, width, channels) float32: a part of a map, with all its channels.

    Whoever makes one keeps the array alive.
    """

    place: int  # address
    row: int  # bytes from one row to the next
    height: int
    width: int
    channels: int


NOTHING = Plane(0, 0, 0, 0, 0)


def plane_of(array: np.ndarray) -> Plane:
    """See an array (height, width, channels), or rows and columns of one."""
    if not array.size:
        return NOTHING
    assert array.dtype == np.float32
    assert array.strides[1:] == (BYTES * array.shape[2], BYTES)
    return Plane(array.ctypes.data, array.strides[0], *array.shape)


@compiled
def rows_of(plane: Plane, first: int, last: int) -> Plane:
    """Return the rows from ``first`` to ``last``."""
    start = plane.place + first * plane.row
    return Plane(start, plane.row, last - first, plane.width, plane.channels)
