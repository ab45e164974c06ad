"""Segments every image file of a folder into files, by the workflow of the command line."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.text import count
from napari_unet.widgets.segment.runs import Run
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import JobFactory, Outcome, Urgency
from napari_unet.workflows.segment_image import CancelFlag, Cancelled, watching

if TYPE_CHECKING:
    from napari_unet.core.files.image_file import ImageFile
    from napari_unet.core.segmentation.score_tiles import ImageScorer
    from napari_unet.core.segmentation.tile_store import LabelStore, WrittenTile
    from napari_unet.core.segmentation.tiling import Tile
    from napari_unet.workflows.segment_files import FileEvent, FilesRequest

SECONDS = 4.0  # a tile may take


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
        with watching(scoring.scorer.network, cancel):
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
