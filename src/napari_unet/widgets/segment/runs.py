"""The segmentations of a session: what is done, what runs, and what waits."""

import weakref
from functools import partial
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.text import ProgressClock, count
from napari_unet.widgets.segment.region_choice import LayerGeometry
from napari_unet.widgets.segment.result import Result, WrittenLabels
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import JobFactory, Outcome, Urgency
from napari_unet.workflows.segment_image import (
    CancelFlag,
    SegmentationStarted,
    TileDone,
    score_image,
)
from napari_unet.workflows.segment_request import LabelOptions, SegmentRequest


class Run(QObject):
    """Something that takes time, can rest and be given up, and says how far it is."""

    changed = Signal()
    ended = Signal()

    def __init__(self, session: Session, title: str, urgency: Urgency) -> None:
        super().__init__()
        self.session = session
        self.title = title
        self.urgency = urgency
        self.job: Job | None = None
        self.cancelled = False
        self.over = False
        self.text = "waits for its turn"
        self.share = 0.0  # of the work that is done
        self._clock = ProgressClock()

    @property
    def paused(self) -> bool:
        """Whether it rests."""
        return self.job is not None and self.job.paused

    def begin(self) -> None:
        """Start the job; what comes before its first value is preparation."""
        cancel = CancelFlag()
        self.text = "looks at the image"
        self.job = self.session.start(self.make(cancel), self.urgency, self.title)
        cancel.work = self.job.work
        self.job.arrived.connect(self.arrived)
        self.job.changed.connect(self.changed)
        self.job.ended.connect(self._ended)
        self.changed.emit()

    def cancel(self) -> None:
        """Give up; what is done is kept."""
        self.cancelled = True
        if self.job is not None:
            self.job.stop()
        self.changed.emit()

    def pause(self, paused: bool) -> None:
        """Rest after this tile, or go on."""
        if self.job is not None and self.job.running:
            self._clock.restart()
            if paused:
                self.job.pause()
            else:
                self.job.resume()

    def make(self, cancel: CancelFlag) -> JobFactory:
        """Return what the compute thread is to do."""
        raise TypeError(f"{type(self).__name__} does not say what it does")

    def arrived(self, values: list[Any]) -> None:
        """Take what the job yielded."""

    def finish(self, outcome: Outcome) -> None:
        """Do what is left to do at the end, and set ``text``."""

    def time_left(self) -> str:
        """Return ' · 4 s left' as soon as that is known."""
        left = self._clock.time_left(self.share)
        return f" · {left}" if left else ""

    def _ended(self, outcome: Outcome) -> None:
        self.over = True
        self.cancelled = self.cancelled or outcome.stopped
        self.finish(outcome)
        self.ended.emit()


class ImageRun(Run):
    """Segments an image layer, or a part of it, and writes its tiles into the result layer."""

    def __init__(
        self, session: Session, image: Image, result: Result, request: SegmentRequest
    ) -> None:
        near = Urgency.VIEW if request.part.region is not None else Urgency.SEGMENTATION
        super().__init__(session, f"Segmenting {image.name}", near)
        self.image = image
        self.result = result
        self.request = request
        self.tiles = self.done = 0
        self._pixels = self._written = 0

    def make(self, cancel: CancelFlag) -> JobFactory:
        """Return the generator of tiles."""
        bases = self.result.begin(LayerGeometry.of(self.image), self.request.network.about)
        options, keeping = self.result.look, self.result.keeping
        return partial(score_image, self.request, options, keeping, bases, cancel)

    def arrived(self, values: list[Any]) -> None:
        """Show the tiles, unless their layer was taken away.

        Adding a layer lets napari handle other events, the end of this very run among them: what is
        left of ``values`` is then part of the final labels already.
        """
        for value in values:
            if self.over:
                return
            if isinstance(value, SegmentationStarted):
                self.tiles, self._pixels = value.tiles, value.pixels
            elif isinstance(value, TileDone) and not self._given_up():
                self.result.show_block(value)
                self.done += 1
                self._written += value.labels.size
        if self.over:
            return
        self.share = self._written / self._pixels if self._pixels else 0.0
        left = self.time_left() if self.done else ""
        self.text = f"{self.done} of {count(self.tiles, 'tile')}{left}"
        self.changed.emit()

    def finish(self, outcome: Outcome) -> None:
        """Say how it ended; labels of all tiles together are on their way."""
        state = f"{self.done} of {self.tiles} tiles kept" if self.done else "nothing was done yet"
        if outcome.error is not None:
            self.text = f"{messages.in_words(outcome.error)} ({state})"
        elif self.cancelled:
            self.text = f"cancelled: {state}"
        else:
            self.text = f"{count(self.tiles, 'tile')} done"
            self._tell_of_changes()
        self.result.end()

    def _given_up(self) -> bool:
        """Stop when somebody has removed the layer that is being written to."""
        if self.cancelled or not self.result.was_removed():
            return self.cancelled
        self.result.forget_layer()
        messages.info(
            f"The result layer of '{self.request.name}' was removed, so its segmentation has "
            "stopped: press Segment to begin again"
        )
        self.cancel()
        return True

    def _tell_of_changes(self) -> None:
        image = self.image
        data = image.data[0] if image.multiscale else image.data
        if data is not self.request.pixels.data:
            messages.warn(
                f"'{image.name}' was replaced while it was segmented: "
                "the result is that of the image as it was"
            )


class Segmentations(QObject):
    """The results and runs of a session; they outlive its docks. GUI thread."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.written: weakref.WeakKeyDictionary[Labels, WrittenLabels] = weakref.WeakKeyDictionary()
        self.run: Run | None = None
        self.last: Run | None = None  # that ended
        self._session = session
        self._results: weakref.WeakKeyDictionary[Image, Result] = weakref.WeakKeyDictionary()
        self._waiting: list[Run] = []

    @classmethod
    def of(cls, session: Session) -> "Segmentations":
        """Return those of ``session``, whose children they are."""
        segmentations: Any = session.findChild(cls)
        return segmentations if segmentations is not None else cls(session)

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

    def segment(self, image: Image, request: SegmentRequest, options: LabelOptions) -> ImageRun:
        """Segment ``image`` now, or after what runs already."""
        result = self._results.get(image)
        if result is None:
            result = self._results[image] = Result(self._session, image, self.written)
            result.changed.connect(self.changed)
        if not result.running:
            result.look = options
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
