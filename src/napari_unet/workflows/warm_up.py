"""Import torch and what needs it in the compute thread, without freezing the window.

Two parts of such an import would freeze it: the dynamic loader, which Python calls with its lock
held (1 s where the disk is slow), and full garbage collections, caused by the million objects that
come with it (0.3 s each). Both are avoided here; pauses of some hundredths of a second remain.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MODULES = (
    "scipy.ndimage",
    "scipy.spatial",
    "skimage.draw",
    "skimage.measure",
    "torch",
    "napari_unet.core.training",
    "napari_unet.core.segmentation",
    "napari_unet.core.sampling.sample",
    "napari_unet.core.network.network_file",
)
LARGE = (("torch", "lib/libtorch_cpu"), ("llvmlite", "binding/libllvmlite"))


def warm_up(threads: int) -> None:
    """Import what computes, and let torch use so many threads; 0: all cores but one."""
    if "torch" not in sys.modules:
        _load_libraries()
    with no_collections():
        for name in MODULES:
            import_module(name)
    set_threads(threads)


def set_threads(threads: int) -> None:
    """Let torch use so many threads; 0: all cores but one. Compute thread only."""
    import torch

    torch.set_num_threads(threads or _all_but_one())


@cache
def _all_but_one() -> int:
    from napari_unet.core.runtime.device import limit_threads

    return limit_threads()


def _load_libraries() -> None:
    """Load the largest libraries with Python's lock released, as every foreign call has it.

    They hold no Python objects, so they may be initialised without the lock. Whatever cannot be
    loaded here is loaded, or complained of, by the import that follows.
    """
    if sys.platform == "win32":
        return  # the loader there is not called through a function of this kind
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for package, name in LARGE:
        path = _library(package, name)
        if path is not None:
            load(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)


def _library(package: str, name: str) -> Path | None:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for ending in (".so", ".dylib"):
            path = Path(folder) / (name + ending)
            if path.is_file():
                return path
    return None


@contextmanager
def no_collections() -> Iterator[None]:
    """Collect no garbage meanwhile, and take all that was made for long-lived afterwards.

    Freezing and unfreezing moves every object to the oldest generation without looking at it; the
    collection that would otherwise follow at once takes as long as those that were left out.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
