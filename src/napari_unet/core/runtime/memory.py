"""Keep freed memory in the process while a network computes, and recognise "out of memory" errors.

glibc gives each large block back to the system, and gets it again as pages of zeros, one page fault
each: up to a fifth of the time of a network. While tiles are scored or a network is trained, freed
blocks are kept; afterwards all of them are given back. This works in the main thread only: large
blocks of other threads are always mapped one by one.
"""

import ctypes
import errno
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_inside: list[None] = []  # an entry for each kept_memory entered and not left, in the main thread
KEEPING = {M_MMAP_THRESHOLD: 2**31 - 1, M_TRIM_THRESHOLD: 2**31 - 1}  # bytes
STEADY = {M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}  # where glibc settles by itself


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next block; give all of it back at the end of the outermost."""
    library = _glibc()
    if library is None:
        yield
        return
    _inside.append(None)
    _set_options(library, KEEPING)
    try:
        yield
    finally:
        _inside.pop()
        if not _inside:  # a validation within a training leaves its memory to the next step
            _set_options(library, STEADY)
            library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library; None if it is not glibc, or if the user has set it up already."""
    configured = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    main = threading.current_thread() is threading.main_thread()
    if configured or not main or not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _set_options(library: ctypes.CDLL, sizes: dict[int, int]) -> None:
    for name, size in sizes.items():
        library.mallopt(name, size)


class TileMemoryError(MemoryError):
    """Memory is not enough for the smallest tile; the message says what to do."""


# lower case, as the allocators of torch, CUDA, Metal, oneDNN, numpy and C++ say it
_TOLD = re.compile(
    r"out ?of ?memory|(not enough|insufficient) memory|bad_alloc|status_alloc_failed"
    r"|(can't|cannot|could not|unable to|failed to) allocate"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` means that the memory of CPU, CUDA or MPS was used up."""
    torch = sys.modules.get("torch")  # not loaded: then the error is not one of its own
    if isinstance(error, (MemoryError, torch.OutOfMemoryError) if torch else MemoryError):
        return True
    if isinstance(error, OSError):  # of a file that is mapped, or of a process that is begun
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and bool(_TOLD.search(str(error).lower()))
