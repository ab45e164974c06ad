"""What belongs to a viewer and outlives its docks: jobs, networks, settings, pairs of layers.

``LatestRequest`` is for requests of which only the newest matters, such as previews.
"""

import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from napari.utils.task_status import Status
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.image_pairs import ImagePairs
from napari_unet.widgets.layers.layers import unwrapped
from napari_unet.widgets.layers.result_layers import ResultLayers
from napari_unet.widgets.networks import Networks
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job, dispatch
from napari_unet.widgets.shared.messages import log_details
from napari_unet.workflows.scheduler import CLOSING, JobFactory, Outcome, Urgency, never

PROVIDER = "napari-unet"


class Tasks:
    """One entry in napari's list of tasks, busy while jobs with a title run.

    ``close`` is called when the window is closed although jobs run. napari keeps every entry until
    then, so one entry is changed instead of adding one for each job. A viewer without a
    window, or a napari without that list, has none.
    """

    def __init__(self, viewer: Viewer, close: Callable[[], Any]) -> None:
        self._window: Any = getattr(viewer, "window", None)
        self._close = close
        self._entry: Any = None
        self._shown = ""

    def show(self, titles: Sequence[str]) -> None:
        """Set the ``titles`` that napari's closing dialog lists; with none it does not ask."""
        text = ", ".join(titles)
        register = getattr(self._window, "_register_task_status", None)
        if text == self._shown or register is None:
            return
        self._shown = text
        status = Status.BUSY if text else Status.COMPLETED
        if self._entry is None:
            self._entry = register(PROVIDER, status, text, self._close)
        else:
            self._window._update_task_status(self._entry, status, text)


_SESSIONS: "weakref.WeakKeyDictionary[Any, Session]" = weakref.WeakKeyDictionary()
_OPEN: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Session(QObject):
    """What the docks of one viewer share; ``Session.of(viewer)`` finds it. GUI thread only.

    Its signals are Qt's, connected to methods of the docks: Qt forgets these with the dock, so a
    job can go on when its dock is closed and is shown again when it is reopened.
    """

    jobs_changed = Signal()
    settings_changed = Signal(object)  # TrainSettings

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.networks = Networks()
        self.pairs = ImagePairs(viewer)
        self.results = ResultLayers(viewer)
        self.closed = False  # whether its window was closed
        self._viewer = weakref.ref(viewer)
        self._settings = TrainSettings.preset("standard")
        self._jobs: list[Job] = []
        self._tasks = Tasks(viewer, self.close)
        _OPEN.add(self)
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        if window is not None:
            window.destroyed.connect(self.close)

    @classmethod
    def of(cls, viewer: Viewer) -> "Session":
        """Return the session of ``viewer``, which may be the proxy that napari gives plugins."""
        viewer = unwrapped(viewer)
        if viewer not in _SESSIONS:
            _SESSIONS[viewer] = cls(viewer)
        return _SESSIONS[viewer]

    @property
    def viewer(self) -> Viewer:
        """The viewer; None once it is gone, when only late answers still ask."""
        return self._viewer()

    @property
    def settings(self) -> TrainSettings:
        """The settings that Preview shows and Train uses."""
        return self._settings

    @settings.setter
    def settings(self, value: TrainSettings) -> None:
        if value != self._settings:
            self._settings = value
            self.settings_changed.emit(value)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that run, wait or are paused, the oldest first."""
        return tuple(self._jobs)

    def job(self, urgency: Urgency) -> Job | None:
        """Return the oldest job of this urgency that has not ended."""
        return next((job for job in self._jobs if job.urgency == urgency), None)

    def start(
        self,
        make: JobFactory,
        urgency: Urgency,
        title: str = "",
        idle: Callable[[], bool] = never,
    ) -> Job:
        """Call ``make`` in the compute thread and run the generator that it returns.

        ``make`` may also return the result itself. It is given frozen values only (bind them with
        ``functools.partial``) and touches neither layers nor widgets. A job with a ``title``, a
        phrase such as 'Training cells-1', was started by a person: napari asks before it closes
        while it runs, and its error is told; that of one without a title is for the caller.
        While ``idle`` is true nobody waits for the job, and it comes after all others.
        """
        job = dispatch().start(make, urgency, title, idle)
        self._jobs.append(job)
        job.ended.connect(self._ended)
        self._jobs_changed()
        return job

    def close(self) -> bool:
        """Stop the jobs, wait for their end, and end the thread with the last viewer.

        False if a job did not yield within two seconds; it then ends after its step.
        """
        until = time.monotonic() + CLOSING
        self.closed = True
        _OPEN.discard(self)
        for job in self._jobs:
            job.stop()
        done = dispatch().wait(self._jobs, CLOSING)
        if not _OPEN:
            done = dispatch().compute.shut_down(max(until - time.monotonic(), 0.0)) and done
        return done

    def _ended(self, outcome: Outcome) -> None:
        ended = [job for job in self._jobs if not job.running]
        self._jobs = [job for job in self._jobs if job.running]
        for job in ended:
            if job.title and job.outcome is not None and job.outcome.error is not None:
                messages.failed(job.title, job.outcome)
        self._jobs_changed()

    def _jobs_changed(self) -> None:
        self._tasks.show([job.title for job in self._jobs if job.title])
        self.jobs_changed.emit()


class LatestRequest(QObject):
    """Sends one request at a time to the compute thread; a newer request replaces a waiting one.

    While an answer is computed only the newest request waits. A plain function is finished and its
    answer shown, so that a preview follows a slider that is being dragged; a generator is given up
    at its next yield. ``drop`` forgets everything asked so far, an answer on its way included: call
    it when the image or the layers are others now.
    """

    answered = Signal(object)  # the value
    failed = Signal(object)  # the Outcome
    busy_changed = Signal(bool)

    def __init__(
        self,
        session: Session,
        urgency: Urgency = Urgency.PREVIEW,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._urgency = urgency
        self._job: Job | None = None
        self._next: Callable[[], Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is being computed."""
        return self._job is not None

    def ask(self, function: Callable[..., Any], *args: Any, **named: Any) -> None:
        """Request ``function(*args, **named)``; all arguments must be frozen values."""
        self._next = partial(function, *args, **named)
        if self._job is None:
            self._begin()
            self.busy_changed.emit(True)
        else:
            self._job.stop()

    def drop(self) -> None:
        """Drop all requests, also the one being computed: no answer will come."""
        self._next = None
        if self._job is not None:
            self._job.ended.disconnect(self._ended)
            self._job.stop()
            self._job = None
            self.busy_changed.emit(False)

    def _begin(self) -> None:
        assert self._next is not None
        make, self._next = self._next, None
        self._job = self._session.start(make, self._urgency)
        self._job.ended.connect(self._ended)

    def _ended(self, outcome: Outcome) -> None:
        self._job = None
        if self._next is not None:
            self._begin()
        if outcome.error is not None:
            log_details("a preview", outcome)
            self.failed.emit(outcome)
        elif not outcome.stopped:
            self.answered.emit(outcome.value)
        if self._job is None:
            self.busy_changed.emit(False)
