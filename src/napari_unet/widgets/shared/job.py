"""The job that a dock holds; its signals arrive in the GUI thread.

``arrived`` brings all that the job has yielded since the last time, at most 20 times a second.
``ended`` comes once, always, with the Outcome.
"""

import atexit
import threading
import time
from collections.abc import Iterable
from functools import cache, partial

from qtpy.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

from napari_unet.widgets.shared.preferences import machine, on_change
from napari_unet.workflows.scheduler import (
    CLOSING,
    Compute,
    JobFactory,
    Outcome,
    ScheduledJob,
    Urgency,
)
from napari_unet.workflows.warm_up import set_threads, warm_up

INTERVAL = 50  # ms between two deliveries
EXITING = 30.0  # seconds the interpreter waits: to leave a thread inside torch would abort it


class Job(QObject):
    """Some work and the signals that tell of it; made by ``start``. GUI thread only."""

    arrived = Signal(list)  # values yielded since the last time, oldest first
    ended = Signal(object)  # Outcome
    changed = Signal()  # paused, resumed, asked to stop or ended

    def __init__(self, work: ScheduledJob, title: str) -> None:
        super().__init__()
        self.title = title  # what a person started; empty: nothing worth mentioning
        self.urgency = work.urgency
        self.outcome: Outcome | None = None
        self.work = work

    @property
    def running(self) -> bool:
        """Whether its end has not been told yet."""
        return self.outcome is None

    @property
    def paused(self) -> bool:
        """Whether it rests until it is resumed."""
        return self.work.paused

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self.work.stopping

    def stop(self) -> None:
        """Ask it to end at its next yield; its generator is closed, then ``ended`` comes."""
        self.work.stopping = True
        self._tell()

    def pause(self) -> None:
        """Let it rest from its next yield on."""
        self.work.paused = True
        self._tell()

    def resume(self) -> None:
        """Let it go on."""
        self.work.paused = False
        self._tell()

    def hand_over(self) -> None:
        """Emit what has been yielded, and the end if it has come."""
        values = self.work.take()
        if values:
            self.arrived.emit(values)
        if self.work.outcome is not None and self.outcome is None:
            self.outcome = self.work.outcome
            self.changed.emit()
            self.ended.emit(self.outcome)

    def _tell(self) -> None:
        dispatch().compute.wake()
        self.changed.emit()


class Dispatch(QObject):
    """Between the compute thread and the jobs: brings values to the GUI thread, not too often."""

    _news = Signal()  # of values; emitted in the compute thread, received in the GUI thread
    _end = Signal(object)  # of a Work

    def __init__(self) -> None:
        super().__init__()
        self.compute = Compute(self._yielded, self._end.emit, self._prepare)
        self._jobs: dict[ScheduledJob, Job] = {}  # GUI thread only
        self._lock = threading.Lock()
        self._told: set[ScheduledJob] = set()  # works with values that were not delivered
        self._last = 0.0
        self._threads = machine().threads
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._news.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        self._end.connect(self._ended, Qt.ConnectionType.QueuedConnection)

    def start(self, make: JobFactory, urgency: Urgency, title: str) -> Job:
        """Hand ``make`` to the compute thread."""
        work = ScheduledJob(make, urgency)
        job = self._jobs[work] = Job(work, title)
        self.compute.submit(work)
        return job

    def wait(self, jobs: Iterable[Job], seconds: float = CLOSING) -> bool:
        """Block until ``jobs`` have ended in the compute thread; for a window that closes."""
        return self.compute.wait([job.work for job in jobs], seconds)

    def warm_up(self) -> None:
        """Start the thread and let it import torch: a dock was opened, and will need it."""
        if not self.compute.alive:
            self.start(_nothing, Urgency.PREVIEW, "")

    def set_threads(self) -> None:
        """Take over the threads chosen in Preferences, from the next step on."""
        self._threads = machine().threads
        if self.compute.alive:
            self.start(partial(set_threads, self._threads), Urgency.PREVIEW, "")

    def leave(self) -> None:
        """Stop everything: the application ends."""
        self.compute.shut_down(CLOSING)

    def _prepare(self) -> None:
        warm_up(self._threads)

    def _yielded(self, work: ScheduledJob) -> None:
        """Note that there is something to deliver; compute thread."""
        with self._lock:
            first = not self._told
            self._told.add(work)
        if first:
            self._news.emit()

    def _schedule(self) -> None:
        waited = (time.monotonic() - self._last) * 1000
        self._timer.start(max(0, round(INTERVAL - waited)))

    def _deliver(self) -> None:
        self._last = time.monotonic()
        with self._lock:
            jobs, self._told = self._told, set()
        for work in jobs & self._jobs.keys():
            self._jobs[work].hand_over()
        self.compute.wake()  # a job rests while too much of it is undelivered

    def _ended(self, work: ScheduledJob) -> None:
        self._jobs.pop(work).hand_over()


def _nothing() -> None:
    """Be done at once; what comes before the first work of a thread is all that is wanted."""


@cache
def dispatch() -> Dispatch:
    """Return the one dispatch of this process; GUI thread."""
    new = Dispatch()
    on_change(new.set_threads)
    atexit.register(new.compute.shut_down, EXITING)
    app = QCoreApplication.instance()
    if app is not None:
        app.aboutToQuit.connect(new.leave)
    return new
