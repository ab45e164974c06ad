"""Loops that numpy cannot run fast enough, compiled by numba at their first call.

The machine code is kept on disk, so that only the first call after an installation waits for the
compiler. Compiled loops let other threads run and start none themselves: numba's own threads may
end the process when two of ours call them at the same time.

Compiling makes so many objects that Python's garbage collector would search all objects again and
again. In a program with an open window each search takes a third of a second, during which the
window does not respond. Therefore only new objects are searched while numba compiles, and all
objects once, when it has finished.
"""

import gc
import time
from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

from numba import njit
from numba.core import event
from numba.core.dispatcher import Dispatcher

LONG = 1.0  # seconds of compiling after which there is garbage worth looking for
NEVER = 10**9  # searches of the young between two of all

Function = TypeVar("Function", bound=Callable[..., Any])  # a compiled one is called alike


class GarbageCollectionPause(event.Listener):
    """Keeps garbage collection short from when numba begins to compile until it has finished."""

    def __init__(self) -> None:
        self._lock, self._depth, self._begun = RLock(), 0, 0.0
        self._often: tuple[int, int, int] | None = None  # the thresholds of the collector before
        self._frozen = False

    def on_start(self, _: event.Event) -> None:
        """Exclude the objects that exist already from the searches."""
        with self._lock:
            self._depth += 1
            if self._depth == 1 and gc.isenabled():
                self._begun, self._often = time.perf_counter(), gc.get_threshold()
                gc.set_threshold(*self._often[:2], NEVER)
                self._frozen = not gc.get_freeze_count()
                if self._frozen:
                    gc.freeze()

    def on_end(self, _: event.Event) -> None:
        """Search the new objects once, and restore the thresholds."""
        with self._lock:
            self._depth -= 1
            if self._depth or self._often is None:
                return
            if time.perf_counter() - self._begun > LONG:
                gc.collect()
            if self._frozen:
                gc.unfreeze()
            gc.set_threshold(*self._often)
            self._often = None


def jit(function: Function) -> Function:
    """Compile ``function`` for the types of its first call, and keep the code where possible."""
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return njit(nogil=True)(function)
    _skip_old_index(compiled)
    return compiled


def _skip_old_index(compiled: Dispatcher) -> None:
    """Let numba compile anew where the index of its code on disk cannot be read any more.

    The index names classes of arguments, and an update may have renamed or moved one of them;
    numba reads the names before it sees that the source is another one.
    """
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if not hasattr(file, "_load_index"):  # private to numba: without it nothing is changed
        return
    load = file._load_index

    def load_index() -> dict[Any, str]:
        try:
            return load()
        except (AttributeError, ImportError):
            return {}

    file._load_index = load_index


def inline(function: Function) -> Function:
    """Make ``function`` a part of those that call it.

    What is compiled by itself is compiled once more with each caller, and with their callers.
    """
    return njit(inline="always")(function)


event.register("numba:compile", GarbageCollectionPause())
