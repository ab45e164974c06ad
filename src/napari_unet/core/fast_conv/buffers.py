"""The memory of feature maps: aligned arrays, kept from image to image, and seen by address.

``aligned``: arrays that begin with a line of the cache, so that no vector lies in two lines.
Memory is torch's: it begins so, and is not asked for in huge pages as numpy's is. After other work
in much memory the system took long to find these (2048² at base 32: 2.3 s instead of 1.9).

``Workspace``: arrays that are taken again for every tile, so that the system need not clear them.

``BufferPool``: workspaces that stay for the next image, while the system may take their pages.
Pages that a process is given have been cleared, at a fault each: of the 12 s of processor time for
an image of 2048², base 32, on two cores with AVX2, 1.3 s went there, and 0.2 s where its maps lay
ready. So the arrays stay, but lent: the system may take every page that it needs elsewhere, and
counts all of them as available (even written again, until it looks at them for want of memory).

``FeatureMap``: an array as the compiled loops see it, by its address, so that all are of one type.
"""

import ctypes
import mmap
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import NamedTuple

import numpy as np
import torch

from napari_unet.core.runtime.jit import jit

Made = Callable[[int], torch.Tensor]  # torch.zeros or torch.empty


def aligned(size: int, made: Made) -> np.ndarray:
    """Return so many numbers (float32)."""
    return np.asarray(made(size).numpy())


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array, dense and in its own order."""
    copy = aligned(array.size, torch.empty).reshape(array.shape)
    copy[...] = array
    return copy


class Workspace:
    """Arrays by name, as large as the largest that was asked for under it."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def take(self, name: str, shape: tuple[int, ...], made: Made = torch.empty) -> np.ndarray:
        """Return an array (float32) with whatever was in it; the last one of that name is lost.

        What is read before all of it is written has to be ``made`` by ``torch.zeros``, whether what
        comes of it is used or not: with what others left there, a network took twice as long.
        """
        size = prod(shape)
        kept = self.arrays.get(name)
        if kept is None or kept.size < size:
            self.arrays.pop(name, None)
            kept = self.arrays[name] = aligned(size, made)
        return kept[:size].reshape(shape)


MOST = 2**31  # bytes that stay: a process must not look for ever like the largest it ever was


class BufferPool:
    """Workspaces that nobody computes in; for threads."""

    def __init__(self) -> None:
        self._kept: list[Workspace] = []
        self._lock = threading.Lock()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Take a workspace, with whatever is in it, or a new one; afterwards it is put back."""
        with self._lock:
            taken = self._kept.pop() if self._kept else Workspace()
        try:
            yield taken
        finally:
            with self._lock:
                self._kept.append(taken)

    def lend(self) -> None:
        """Lend the largest of those put back to the system; the others are dropped."""
        with self._lock:
            self._kept.sort(key=lambda one: one.nbytes)
            del self._kept[:-1]
            if not all(one.nbytes <= MOST and _lent(one) for one in self._kept):
                self._kept.clear()


SPARE = BufferPool()


def _lent(workspace: Workspace) -> bool:
    return all(lend(array) for array in workspace.arrays.values())


def lend(array: np.ndarray) -> bool:
    """Let the system take the whole pages in an array, and tell whether it would."""
    if sys.platform == "win32" or not hasattr(mmap, "MADV_FREE"):
        return False
    first = -(-array.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (array.ctypes.data + array.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if first >= end:
        return True
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return madvise(first, end - first, mmap.MADV_FREE) == 0


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
    assert array.strides[1:] == (array.itemsize * array.shape[2], array.itemsize)
    return FeatureMap(array.ctypes.data, array.strides[0], *array.shape)


@jit
def rows_of(plane: FeatureMap, first: int, last: int) -> FeatureMap:
    """Return the rows from ``first`` to ``last``."""
    start = plane.place + first * plane.row
    return FeatureMap(start, plane.row, last - first, plane.width, plane.channels)


@jit
def address(array: np.ndarray) -> np.int64:
    """Return where an array begins."""
    return np.int64(array.ctypes.data)  # unsigned and signed make a float in numba
