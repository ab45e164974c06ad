"""Segmentations: all that a session has segmented, what runs, and what waits for its turn."""

import weakref
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.segmenting.request import Look, Request
from napari_unet.widgets.segmenting.result import Result, Written
from napari_unet.widgets.segmenting.run import ImageRun, Run
from napari_unet.widgets.session import Session


class Segmentations(QObject):
    """The results and runs of a session; they outlive its docks. GUI thread."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.written: weakref.WeakKeyDictionary[Labels, Written] = weakref.WeakKeyDictionary()
        self.run: Run | None = None
        self.last: Run | None = None  # that ended
        self._session = session
        self._results: weakref.WeakKeyDictionary[Image, Result] = weakref.WeakKeyDictionary()
        self._waiting: list[Run] = []

    @classmethod
    def of(cls, session: Session) -> "Segmentations":
        """Return those of ``session``, whose children they are."""
        found: Any = session.findChild(cls)
        return found if found is not None else cls(session)

    @property
    def waiting(self) -> tuple[Run, ...]:
        """The runs that begin when this one ends."""
        return tuple(self._waiting)

    def result_of(self, image: Image | None) -> Result | None:
        """Return what was found in ``image``, None if it was never segmented."""
        return None if image is None else self._results.get(image)

    def is_busy_with(self, image: Image) -> bool:
        """Whether ``image`` is being segmented, or waits for it."""
        runs = [self.run, *self._waiting]
        return any(isinstance(run, ImageRun) and run.image is image for run in runs)

    def segment(self, image: Image, request: Request, look: Look) -> ImageRun:
        """Segment ``image`` now, or after what runs already."""
        result = self._results.get(image)
        if result is None:
            result = self._results[image] = Result(self._session, image, self.written)
            result.changed.connect(self.changed)
        if not result.running:
            result.look = look
        run = ImageRun(self._session, image, result, request)
        self.start(run)
        return run

    def start(self, run: Run) -> None:
        """Begin ``run``, or let it wait until nothing else runs."""
        run.changed.connect(self.changed)
        run.ended.connect(self._ended)
        if self.run is None:
            self._begin(run)
        else:
            self._waiting.append(run)
            self.changed.emit()

    def cancel(self) -> None:
        """Give up what runs and what waits; finished tiles are kept."""
        self._waiting.clear()
        if self.run is not None:
            self.run.cancel()
        self.changed.emit()

    def _begin(self, run: Run) -> None:
        self.run = run
        run.begin()
        self.changed.emit()

    def _ended(self) -> None:
        self.last, self.run = self.run, None
        if self._waiting:
            self._begin(self._waiting.pop(0))
        self.changed.emit()
