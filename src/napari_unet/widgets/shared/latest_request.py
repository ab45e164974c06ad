"""Latest: previews of one kind, of which only the newest request matters."""

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.messages import log_details
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome, Urgency


class LatestRequest(QObject):
    """Asks the compute thread one thing at a time, and forgets requests that newer ones replace.

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
        """Whether an answer is on its way."""
        return self._job is not None

    def ask(self, function: Callable[..., Any], *args: Any, **named: Any) -> None:
        """Ask for ``function(*args, **named)``, computed on frozen values only."""
        self._next = partial(function, *args, **named)
        if self._job is None:
            self._begin()
            self.busy_changed.emit(True)
        else:
            self._job.stop()

    def drop(self) -> None:
        """Forget all that was asked; no answer of it will come."""
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
