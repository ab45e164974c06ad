"""The segmentations of a session, of images and of folders: what is done, what runs, what waits."""

import copy
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.text import ProgressClock, count
from napari_unet.widgets.segment.region_choice import LayerGeometry
from napari_unet.widgets.segment.result import Result, WrittenLabels
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import JobFactory, Outcome, Urgency
from napari_unet.workflows.segment_image import (
    CancelFlag,
    Cancelled,
    SegmentationStarted,
    TileDone,
    cancellable,
    score_image,
)
from napari_unet.workflows.segment_request import LabelOptions, SegmentRequest

if TYPE_CHECKING:
    from napari_unet.core.files.image_file import ImageFile
    from napari_unet.core.segmentation.score_tiles import ImageScorer
    from napari_unet.core.segmentation.tile_store import LabelStore, WrittenTile
    from napari_unet.core.segmentation.tiling import Tile
    from napari_unet.workflows.segment_files import FileEvent, FilesRequest

FOLDER_SECONDS = 4.0  # a tile of a folder may take


class Run(QObject):
    """A segmentation that runs or waits: it can be paused and stopped, and has a progress."""

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
        self.share = 0.0  # share of the work that is done
        self._clock = ProgressClock()

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self.job is not None and self.job.work.paused

    def begin(self) -> None:
        """Start the job; until its first value it is being prepared."""
        cancel = CancelFlag()
        self.text = "looks at the image"
        self.job = self.session.start(self.make(cancel), self.urgency, self.title)
        cancel.work = self.job.work
        self.job.arrived.connect(self.arrived)
        self.job.changed.connect(self.changed)
        self.job.ended.connect(self._ended)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; finished tiles stay."""
        self.cancelled = True
        if self.job is not None:
            self.job.stop()
        self.changed.emit()

    def pause(self, paused: bool) -> None:
        """Pause after this tile, or resume."""
        if self.job is not None and self.job.running:
            self._clock.restart()
            if paused:
                self.job.pause()
            else:
                self.job.resume()

    def make(self, cancel: CancelFlag) -> JobFactory:
        """Return the job for the compute thread."""
        raise TypeError(f"{type(self).__name__} does not say what it does")

    def arrived(self, values: list[Any]) -> None:
        """Handle the values that the job yielded."""

    def finish(self, outcome: Outcome) -> None:
        """Handle the end, and set ``text``."""

    def time_left(self) -> str:
        """Return the time left as ' · 4 s left'; empty until it is known."""
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
        options, cache = self.result.options, self.result.cache
        return partial(score_image, self.request, options, cache, bases, cancel)

    def arrived(self, values: list[Any]) -> None:
        """Show the tiles, unless their layer was removed.

        While a layer is added, napari handles other events, even the end of this run. The rest of
        ``values`` is then part of the final labels already.
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
        """Report how the run ended; labels of all tiles are made next."""
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
        """Stop if the layer that is written to was removed."""
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
        self.last: Run | None = None  # the run that ended last
        self._session = session
        self._results: weakref.WeakKeyDictionary[Image, Result] = weakref.WeakKeyDictionary()
        self._waiting: list[Run] = []

    @classmethod
    def of(cls, session: Session) -> "Segmentations":
        """Return the segmentations of ``session``."""
        segmentations: Any = session.findChild(cls)
        return segmentations if segmentations is not None else cls(session)

    @property
    def waiting(self) -> tuple[Run, ...]:
        """The runs that wait."""
        return tuple(self._waiting)

    def result_of(self, image: Image | None) -> Result | None:
        """Return the result of ``image``, None if it was never segmented."""
        return None if image is None else self._results.get(image)

    def is_busy_with(self, image: Image) -> bool:
        """Whether ``image`` is being segmented, or waits to be."""
        runs = [self.run, *self._waiting]
        return any(isinstance(run, ImageRun) and run.image is image for run in runs)

    def segment(self, image: Image, request: SegmentRequest, options: LabelOptions) -> ImageRun:
        """Segment ``image`` now, or after the runs before."""
        result = self._results.get(image)
        if result is None:
            result = self._results[image] = Result(self._session, image, self.written)
            result.changed.connect(self.changed)
        if not result.running:
            result.options = options
        run = ImageRun(self._session, image, result, request)
        self.start(run)
        return run

    def start(self, run: Run) -> None:
        """Start ``run``, or let it wait until the present one ends."""
        run.changed.connect(self.changed)
        run.ended.connect(self._ended)
        if self.run is None:
            self._begin(run)
        else:
            self._waiting.append(run)
            self.changed.emit()

    def cancel(self) -> None:
        """Stop the present run and drop those that wait; finished tiles stay."""
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


def segment_folder(
    request: "FilesRequest", device: str, cancel: CancelFlag
) -> "Iterator[FileEvent]":
    """Segment file after file on ``device``; the network of the session stays where it is."""
    from napari_unet.core.runtime.device import choose_device
    from napari_unet.core.segmentation.score_tiles import score_here
    from napari_unet.workflows.segment_files import segment_each

    def score(
        scoring: "ImageScorer", store: "LabelStore", tiles: "Sequence[Tile]", image: "ImageFile"
    ) -> "Iterator[WrittenTile]":
        with cancellable(scoring.scorer.network, cancel):
            yield from score_here(scoring, store, tiles, image)

    network = copy.deepcopy(request.network).to(choose_device(device))
    with suppress(Cancelled):
        yield from segment_each(replace(request, network=network), score)


class FolderRun(Run):
    """Segments a folder; what is finished stays, and another run goes on from there."""

    def __init__(self, session: Session, request: "FilesRequest") -> None:
        folder = Path(request.images[0]).name
        super().__init__(session, f"Segmenting the folder {folder}", Urgency.SEGMENTATION)
        self.request = request
        self.failed: dict[str, str] = {}
        self.skipped: set[str] = set()
        self.finished = 0
        self._number = 0

    def make(self, cancel: CancelFlag) -> JobFactory:
        """Return the generator of files."""
        return partial(segment_folder, self.request, machine().device, cancel)

    def arrived(self, values: "list[FileEvent]") -> None:
        """Say which file it is, and tell of what went wrong."""
        for event in values:
            if event.number != self._number:
                self._number, self.finished = event.number, event.number - 1
            if event.error is not None:
                self.failed[event.name] = str(event.error) or "memory is not enough"
                messages.warn(f"{event.name}: {self.failed[event.name]}")
            if event.stage == "skipped":
                self.skipped.add(event.name)
            if event.told:
                messages.info(f"{event.name}: {event.told}")
            self.share = (event.number - 1 + event.share) / event.count
            self.text = f"file {event.number} of {event.count}: {event.name}{self.time_left()}"
        self.changed.emit()

    def finish(self, outcome: Outcome) -> None:
        """Say how many files are done, and where."""
        done = self.finished + (not self.cancelled and outcome.error is None and self._number > 0)
        done -= len(self.failed) + len(self.skipped)
        parts = [f"{count(done, 'file')} segmented"]
        if self.skipped:
            parts.append(f"{len(self.skipped)} done before and kept")
        if self.failed:
            parts.append(f"{len(self.failed)} failed ({', '.join(self.failed)})")
        if outcome.error is not None:
            self.text = messages.in_words(outcome.error)
        else:
            state = "cancelled: " if self.cancelled else ""
            self.text = f"{state}{', '.join(parts)}; in {self.request.outputs.folder}"
