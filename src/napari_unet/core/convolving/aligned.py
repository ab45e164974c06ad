"""Aligned: arrays that begin with a line of the cache, so that no vector lies in two lines."""

from collections.abc import Callable

import numpy as np

from napari_unet.core.convolving.vectors import BYTES, LINE

Made = Callable[..., np.ndarray]  # np.zeros or np.empty


def aligned(size: int, made: Made = np.zeros) -> np.ndarray:
    """Return so many numbers (float32)."""
    more = made(size + LINE // BYTES, np.float32)
    start = -more.ctypes.data % LINE // BYTES
    return more[start : start + size]


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array, dense and in its own order."""
    copy = aligned(array.size, np.empty).reshape(array.shape)
    copy[...] = array
    return copy
