"""Aligned: arrays that begin with a line of the cache, so that no vector lies in two lines.

Memory is torch's: it begins so, and is not asked for in huge pages as numpy's is. After other work
in much memory the system took long to find these (2048² at base 32: 2.3 s instead of 1.9).
"""

from collections.abc import Callable

import numpy as np
import torch

Made = Callable[[int], torch.Tensor]  # torch.zeros or torch.empty


def aligned(size: int, made: Made) -> np.ndarray:
    """Return so many numbers (float32)."""
    return np.asarray(made(size).numpy())


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array, dense and in its own order."""
    copy = aligned(array.size, torch.empty).reshape(array.shape)
    copy[...] = array
    return copy
