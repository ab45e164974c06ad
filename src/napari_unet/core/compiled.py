"""Loops that numpy cannot say fast enough, compiled by numba at their first call.

The machine code is kept on disk, so that only the first call after an installation waits for the
compiler. Compiled loops let other threads run and start none themselves: numba's own threads may
end the process when two of ours call them at the same time.
"""

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import event

from napari_unet.core.unhalted import Unhalted


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` for the types of its first call, and keep the code where possible."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return njit(nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Make ``function`` a part of those that call it.

    What is compiled by itself is compiled once more with each caller, and with their callers.
    """
    return njit(inline="always")(function)


event.register("numba:compile", Unhalted())
