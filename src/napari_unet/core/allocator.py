"""Memory that stays with the process: what a network frees at one layer, it takes at the next.

glibc gives each large block back to the system, and gets it again as pages of zeros, one fault
each: a tenth of the time of a large network. A program that does nothing else may keep them; a
window, in which images come and go, should not.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST = 2**30  # bytes of a block that is kept
KEPT = 2**31 - 1  # bytes kept in all at the end of the heap


def keep_memory() -> bool:
    """Keep freed memory for the next block, from now on; False where the system cannot be told.

    To be called once, by the command line and by benchmarks, before large blocks are taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if tell is None:
        return False
    return bool(tell(M_MMAP_THRESHOLD, LARGEST) and tell(M_TRIM_THRESHOLD, KEPT))
