"""The job that a dock holds; its signals arrive in the GUI thread.

``arrived`` brings all that the job has yielded since the last time, at most 20 times a second.
``ended`` comes once, always, with the Outcome.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterable
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
    never,
    set_threads,
    warm_up,
)

INTERVAL = 50  # ms between two deliveries
EXITING = 30.0  # seconds to wait at exit; ending a thread inside torch would abort the process


class Job(QObject):
    """A job and its signals; made by ``Session.start``. GUI thread only."""

    arrived = Signal(list)  # values yielded since the last time, oldest first
    ended = Signal(object)  # Outcome
    changed = Signal()  # paused, resumed, asked to stop or ended

    def __init__(self, work: ScheduledJob, title: str) -> None:
        super().__init__()
        self.title = title  # for a job that a person started, else empty
        self.urgency = work.urgency
        self.outcome: Outcome | None = None
        self.work = work

    @property
    def running(self) -> bool:
        """Whether ``ended`` has not been emitted yet."""
        return self.outcome is None

    def stop(self) -> None:
        """End it at its next yield: its generator is closed, then ``ended`` is emitted."""
        self.work.stopping = True
        self._wake_and_emit()

    def pause(self) -> None:
        """Pause it at its next yield."""
        self.work.paused = True
        self._wake_and_emit()

    def resume(self) -> None:
        """Resume it."""
        self.work.paused = False
        self._wake_and_emit()

    def hand_over(self) -> None:
        """Emit the values that were yielded, and the end if there is one."""
        values = self.work.take()
        if values:
            self.arrived.emit(values)
        if self.work.outcome is not None and self.outcome is None:
            self.outcome = self.work.outcome
            self.changed.emit()
            self.ended.emit(self.outcome)

    def _wake_and_emit(self) -> None:
        dispatch().compute.wake()
        self.changed.emit()


class Dispatch(QObject):
    """Delivers values of the compute thread to the jobs in the GUI thread, every INTERVAL."""

    _news = Signal()  # of values; emitted in the compute thread, received in the GUI thread
    _end = Signal(object)  # of a Work

    def __init__(self) -> None:
        super().__init__()
        self.compute = Compute(self._yielded, self._end.emit, self._prepare)
        self._jobs: dict[ScheduledJob, Job] = {}  # GUI thread only
        self._lock = threading.Lock()
        self._emitted: set[ScheduledJob] = set()  # jobs with values that were not delivered yet
        self._last = 0.0
        self._threads = machine().threads
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._news.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        self._end.connect(self._ended, Qt.ConnectionType.QueuedConnection)

    def start(
        self, make: JobFactory, urgency: Urgency, title: str, idle: Callable[[], bool] = never
    ) -> Job:
        """Hand ``make`` to the compute thread."""
        work = ScheduledJob(make, urgency, idle)
        job = self._jobs[work] = Job(work, title)
        self.compute.submit(work)
        return job

    def wait(self, jobs: Iterable[Job], seconds: float = CLOSING) -> bool:
        """Block until ``jobs`` have ended in the compute thread; for a window that closes."""
        return self.compute.wait([job.work for job in jobs], seconds)

    def warm_up(self) -> None:
        """Start the thread and import torch in it, when a dock is opened."""
        if not self.compute.alive:
            self.start(_nothing, Urgency.PREVIEW, "")

    def set_threads(self) -> None:
        """Use the number of threads of the preferences from the next step on."""
        self._threads = machine().threads
        if self.compute.alive:
            self.start(partial(set_threads, self._threads), Urgency.PREVIEW, "")

    def _prepare(self) -> None:
        warm_up(self._threads)

    def _yielded(self, work: ScheduledJob) -> None:
        """Note that a job has values to deliver; compute thread."""
        with self._lock:
            first = not self._emitted
            self._emitted.add(work)
        if first:
            self._news.emit()

    def _schedule(self) -> None:
        waited = (time.monotonic() - self._last) * 1000
        self._timer.start(max(0, round(INTERVAL - waited)))

    def _deliver(self) -> None:
        self._last = time.monotonic()
        with self._lock:
            jobs, self._emitted = self._emitted, set()
        for work in jobs & self._jobs.keys():
            self._jobs[work].hand_over()
        self.compute.wake()  # a job pauses while too many of its values are undelivered

    def _ended(self, work: ScheduledJob) -> None:
        self._jobs.pop(work).hand_over()


def _nothing() -> None:
    """Do nothing; a job only to start the thread."""


@cache
def dispatch() -> Dispatch:
    """Return the one dispatch of this process; GUI thread."""
    new = Dispatch()
    on_change(new.set_threads)
    atexit.register(new.compute.shut_down, EXITING)
    app = QCoreApplication.instance()
    if app is not None:
        app.aboutToQuit.connect(new.compute.shut_down)
    return new
