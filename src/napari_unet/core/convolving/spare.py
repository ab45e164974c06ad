"""Spare: arrays for maps between two images, there to be written again and the system's to take.

Pages that a process is given have been cleared, at a fault each: of the 12 s of processor time for
an image of 2048², base 32, on two cores with AVX2, 1.3 s went there, and 0.2 s where its maps lay
ready. So the arrays stay, but lent: the system may take every page that it needs elsewhere, and
counts all of them as available (even written again, until it looks at them for want of memory).
"""

import ctypes
import mmap
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from napari_unet.core.convolving.workspace import Workspace

MOST = 2**31  # bytes that stay: a process must not look for ever like the largest it ever was


class Spare:
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


@contextmanager
def lent_afterwards() -> Iterator[None]:
    """Lend what is spare when the tiles of an image have been scored."""
    try:
        yield
    finally:
        SPARE.lend()


SPARE = Spare()


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
