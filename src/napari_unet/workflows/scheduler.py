"""The compute thread: the only one that calls torch, shared by all viewers of the process.

It is a scheduler of generators, which it can leave at each yield. A preview or a tile of the view
goes first, so that it waits for one step at most. Live teaching, segmentations and trainings share
the time, each kind as much as the others; of one kind the oldest is finished first. Teaching that
nobody waits for (``idle``) comes after all that somebody has asked for. A ``ScheduledJob`` is one
of these generators and the Outcome it ends with.

Nothing here imports Qt: the compute thread holds these plain objects only, so that no object of the
window can be freed in the wrong thread.
"""

import ctypes
import gc
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

# returns a generator, or the result itself; called in the compute thread
JobFactory = Callable[[], Any]


@dataclass(frozen=True)
class ComputePreferences:
    """The choices of Preferences ▸ napari-unet; the manifest holds the same defaults."""

    device: str = "auto"
    threads: int = 0  # of torch; 0: all cores but one
    memory: float = 0.0  # GB a segmentation may take; 0: half of what is free

    @property
    def memory_bytes(self) -> int | None:
        """The memory as ``core`` takes it."""
        return round(self.memory * 1e9) or None


class Urgency(IntEnum):
    """What kind of work it is: the first two go first, the others share the time."""

    PREVIEW = 0
    VIEW = 1  # segmentation of what is on the screen
    TEACHING = 2
    SEGMENTATION = 3  # of a whole image, or of many
    TRAINING = 4


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a job ended: with a value, with an error, or stopped, which is neither."""

    value: Any = None
    error: BaseException | None = None
    stopped: bool = False
    details: str = ""  # the traceback of the error, for the log


def never() -> bool:
    """Return False: somebody waits for the work at any time."""
    return False


class ScheduledJob:
    """A generator, the flags of the window (stop, pause) and what it has yielded so far.

    The flags are written by the GUI thread and read between two yields; whoever changes one wakes
    the compute thread afterwards.
    """

    def __init__(
        self, make: JobFactory, urgency: Urgency, idle: Callable[[], bool] = never
    ) -> None:
        self.urgency = urgency
        self.idle = idle  # whether nobody waits for what it does now
        self.stopping = False
        self.paused = False
        self.yielded: deque[Any] = deque()  # not delivered yet
        self.outcome: Outcome | None = None
        self._make: JobFactory | None = make
        self._steps: Generator[Any, None, Any] | None = None

    def take(self) -> list[Any]:
        """Remove what was yielded since the last time and return it, oldest first; any thread."""
        return [self.yielded.popleft() for _ in range(len(self.yielded))]

    def advance(self) -> bool:
        """Run to the next yield, or to the end; return whether a value was yielded."""
        try:
            if self.stopping:
                self._end(Outcome(stopped=True))
            elif self._steps is None:
                self._begin()
            else:
                self.yielded.append(next(self._steps))
                return True
        except StopIteration as end:
            self._end(Outcome(end.value))
        except BaseException as error:  # whatever it is, the compute thread lives on
            self._end(failed(error))
        return False

    def fail(self, error: BaseException) -> None:
        """End without having begun."""
        self._end(failed(error))

    def _begin(self) -> None:
        assert self._make is not None
        make, self._make = self._make, None
        made = make()
        if isinstance(made, Generator):
            self._steps = made
        else:
            self._end(Outcome(made))

    def _end(self, outcome: Outcome) -> None:
        """Close the generator here, in its own thread, and let go of all it held."""
        self._make, self.idle = None, never
        steps, self._steps = self._steps, None
        if steps is not None:
            try:
                steps.close()
            except BaseException as error:  # its `finally:` failed: what it should keep is lost
                outcome = failed(error)
        self.outcome = outcome


def failed(error: BaseException) -> Outcome:
    """Return the outcome of ``error``, without the frames that would keep its tensors alive."""
    details = "".join(traceback.format_exception(error))
    bare = error.with_traceback(None)
    bare.__cause__ = bare.__context__ = None
    return Outcome(error=bare, details=details)


CLOSING = 2.0  # seconds a closing window waits for its jobs
BACKLOG = 256  # values a busy window has not taken yet, after which its job rests

Told = Callable[[ScheduledJob], None]  # called in the compute thread


class Compute:
    """One thread, started when there is work and gone when it is shut down.

    ``yielded`` and ``ended`` are told of each value and each end, in the compute thread.
    ``prepare`` is called there before the first work, and again until it succeeds.
    """

    def __init__(
        self,
        yielded: Told,
        ended: Told,
        prepare: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._yielded = yielded
        self._ended = ended
        self._prepare = prepare
        self._changed = threading.Condition()
        self._waiting: dict[ScheduledJob, int] = {}  # with the number that tells who came first
        self._numbers = count()
        self._clock = clock
        self._used = dict.fromkeys(Urgency, 0.0)  # seconds that each kind has had
        self._thread: threading.Thread | None = None
        self._leaving = False

    @property
    def alive(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None and self._thread.is_alive()

    def submit(self, work: ScheduledJob) -> None:
        """Do ``work`` when its turn comes."""
        with self._changed:
            self._let_in(work.urgency)
            self._waiting[work] = next(self._numbers)
            self._changed.notify_all()
            if self._thread is None or self._leaving:
                self._leaving = False
                self._start(self._thread)

    def _let_in(self, urgency: Urgency) -> None:
        """Count what a kind uses from now on, if it was away: it makes up and pays for nothing."""
        kinds = {work.urgency for work in self._waiting if work.urgency > Urgency.VIEW}
        if kinds and urgency not in kinds:
            self._used[urgency] = min(self._used[kind] for kind in kinds)

    def wake(self) -> None:
        """Check the flags again: one of some work has changed."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, works: Iterable[ScheduledJob], seconds: float) -> bool:
        """Wait until all ``works`` have ended; False when that takes longer than ``seconds``."""
        wanted = list(works)
        with self._changed:
            return self._changed.wait_for(
                lambda: all(work.outcome is not None for work in wanted), seconds
            )

    def shut_down(self, seconds: float = CLOSING) -> bool:
        """Stop all work and join the thread; False when it is not gone after ``seconds``.

        A thread cannot be killed: one that is inside a long step then ends after that step.
        """
        with self._changed:
            thread, self._leaving = self._thread, True
            for work in self._waiting:
                work.stopping = True
            self._changed.notify_all()
        if thread is None:
            return True
        thread.join(seconds)
        return not thread.is_alive()

    def _start(self, before: threading.Thread | None) -> None:
        """Start a thread that begins when the one ``before`` has ended: never two at a time."""
        thread = threading.Thread(target=self._run, args=(before,), name="napari-unet", daemon=True)
        self._thread = thread
        thread.start()

    def _run(self, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        ready = False
        while (work := self._next()) is not None:
            ready = ready or self._made_ready(work)
            begun = self._clock()
            if work.outcome is None and work.advance():
                self._yielded(work)
            self._used[work.urgency] += self._clock() - begun
            if work.outcome is not None:
                self._finish(work)
            del work  # what it holds is not kept while the thread waits

    def _made_ready(self, work: ScheduledJob) -> bool:
        """Prepare for the first work; what goes wrong there is the end of that work."""
        try:
            self._prepare()
        except BaseException as error:  # a broken torch raises anything
            work.fail(error)
            return False
        return True

    def _finish(self, work: ScheduledJob) -> None:
        with self._changed:
            self._waiting.pop(work, None)
            self._changed.notify_all()
        self._ended(work)

    def _next(self) -> ScheduledJob | None:
        """Wait for work to go on with; None when the thread is to end."""
        me = threading.current_thread()
        with self._changed:
            while True:
                work = self._most_urgent()
                if work is not None:
                    return work
                if self._leaving or self._thread is not me:
                    return None
                self._changed.wait()

    def _most_urgent(self) -> ScheduledJob | None:
        """Return what is to stop, or goes first, or the kind that has had the least time."""
        ready = sorted(filter(_can_go_on, self._waiting), key=self._waiting.__getitem__)
        first = [work for work in ready if work.stopping]
        first = first or [work for work in ready if work.urgency <= Urgency.VIEW]
        if first:
            return min(first, key=lambda work: (not work.stopping, work.urgency))
        asked = [work for work in ready if not work.idle()] or ready
        if not asked:
            return None
        chosen = min(asked, key=lambda work: (self._used[work.urgency], work.urgency))
        # who is paused or idle meanwhile makes up for nothing later
        for kind in {work.urgency for work in self._waiting} - {work.urgency for work in asked}:
            self._used[kind] = max(self._used[kind], self._used[chosen.urgency])
        return chosen


def _can_go_on(work: ScheduledJob) -> bool:
    return work.stopping or not (work.paused or len(work.yielded) >= BACKLOG)


# Importing torch in the compute thread would freeze the window in two ways: the dynamic loader,
# which Python calls with its lock held (1 s where the disk is slow), and full garbage collections,
# caused by the million objects that come with it (0.3 s each). Both are avoided below.
MODULES = (
    "scipy.ndimage",
    "scipy.spatial",
    "skimage.draw",
    "skimage.measure",
    "torch",
    "napari_unet.core.training.train",
    "napari_unet.core.segmentation.segment",
    "napari_unet.core.sampling.sample",
    "napari_unet.core.network.network_file",
    "napari_unet.workflows.segment_files",
    "napari_unet.workflows.training_run",
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
