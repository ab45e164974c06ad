"""FileRun: one image file segmented into files, resumable, told step by step.

Small images are kept in memory; a large one lies in a folder ``NAME.partial`` until every tile is
done, and a run that finds such a folder of the same image, network and settings goes on with it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.files.image_file import ImageFile
from napari_unet.core.network.unet import UNet
from napari_unet.core.segmentation.image_reader import prefetch
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.score_tiles import ImageScorer, Plan
from napari_unet.core.segmentation.tile_store import (
    FINISHING,
    FORMAT,
    DiskStore,
    LabelStore,
    Layout,
    Note,
    all_moved,
    discard,
    lock,
    prior,
)
from napari_unet.core.segmentation.tiling import Tile
from napari_unet.workflows.result_files import Outputs, ResultWriter

SMALL = 2**24  # pixels of an image that is quickly begun anew


@dataclass(frozen=True)
class FileProgress:
    """How far a run is; ``done`` and ``total`` count pixels of the current stage."""

    stage: str  # prepare, tiles, objects, scores or labels
    done: int = 0
    total: int = 0
    told: str = ""  # what the user should know


@dataclass(frozen=True)
class Choices:
    """How an image is segmented, where there is a choice; see ``segmenting.Options``."""

    tile: int | None = None
    memory: int | None = None
    average: str = "none"
    seconds: float | None = None


Score = Callable[[ImageScorer, LabelStore, Sequence[Tile], ImageFile], Iterator[Note]]


def score_here(
    scoring: ImageScorer, store: LabelStore, tiles: Sequence[Tile], image: ImageFile
) -> Iterator[Note]:
    """Score ``tiles`` in this process; each is written while the next is computed."""
    del image
    scored = scoring.score(tiles)
    for _, note in prefetch(lambda part: store.write(part.tile, part.scores), scored):
        yield note


@dataclass(frozen=True)
class FileSegmentation:
    """One image, the network for it, and what is to be made of it."""

    image: ImageFile  # with axes in order
    network: UNet
    digest: str  # of the network's file: another network, another run
    outputs: Outputs
    choices: Choices = Choices()

    def plan(self) -> Plan:
        """Return what the run will take, with nothing written."""
        return self._prepare(None).plan()

    def run(self, score: Score = score_here) -> Iterator[FileProgress]:
        """Make the files; ``score`` may be one that uses other machines.

        Closing the iterator, or an error, leaves the partial result for the next run.
        """
        facts, why = prior(self._folder, self._identity)
        if facts is not None and all_moved(self._folder):
            discard(self._folder)
            return
        if facts is None or not (self._folder / FINISHING).exists():
            self.outputs.check(self.image.path)
        yield FileProgress("prepare", told=self._told(facts, why))
        scoring = self._prepare(facts)
        tiles = list(scoring.tiles())
        store = self._store(scoring, tiles, facts)
        try:
            yield from self._segment(scoring, store, tiles, score)
            for stage in self._finishing.write(store):
                yield FileProgress(stage)
        finally:
            store.close()

    def _segment(
        self, scoring: ImageScorer, store: LabelStore, tiles: Sequence[Tile], score: Score
    ) -> Iterator[FileProgress]:
        missing = store.missing(tiles)
        total = sum(prod(tile.shape) for tile in tiles)
        done = total - sum(prod(tile.shape) for tile in missing)
        yield FileProgress("tiles", done, total)
        for note in score(scoring, store, missing, self.image):
            store.note(note)
            done += prod(stop - start for start, stop in note.bounds)
            yield FileProgress("tiles", done, total)

    @property
    def _folder(self) -> Path:
        return self.outputs.partial(self.image.path)

    @property
    def _finishing(self) -> ResultWriter:
        classes = self.network.about.get("classes") or ()
        names = tuple(str(one.get("name", "")) for one in classes)
        return ResultWriter(self.outputs, self.image, names, self.network.dims)

    @property
    def _identity(self) -> dict[str, Any]:
        """What makes two runs the same, as JSON keeps it."""
        path, data = self.image.path.resolve(), self.image.data
        state = (path / "zarr.json" if (path / "zarr.json").exists() else path).stat()
        size = {axis: float(value) for axis, value in self.image.pixel_size.items()}
        return {
            "image": [
                *(str(path), state.st_size, state.st_mtime_ns),
                *(list(data.shape), str(data.dtype), self.image.axes, size),
            ],
            "network": self.digest,
            "settings": [self.choices.average, self.outputs.threshold, self._classes],
        }

    @property
    def _classes(self) -> int:
        """The number of scores to keep for each pixel."""
        return self.network.classes if self.outputs.scores or self.outputs.objects else 0

    def _prepare(self, facts: dict[str, Any] | None) -> ImageScorer:
        """Decide tile and precision, or take those of the run that is gone on with."""
        found = {"tile": tuple(facts["edges"]), "precision": facts["precision"]} if facts else {}
        options: dict[str, Any] = asdict(self.choices) | found
        return prepare(
            self.image.data,
            self.network,
            axes=self.image.axes,
            pixel_size=self.image.pixel_size,
            **options,
        )

    def _store(
        self, scoring: ImageScorer, tiles: Sequence[Tile], facts: dict[str, Any] | None
    ) -> LabelStore:
        threshold = self.outputs.threshold
        if prod(scoring.shape) <= SMALL:
            return LabelStore.in_memory(scoring.shape, self._classes, threshold)
        lock(self._folder)
        if facts is not None:
            with suppress(OSError, ValueError, KeyError):  # a store that is damaged is begun anew
                return DiskStore.resume(self._folder, threshold)
        axes = spatial_axes(self.image.axes)
        layout = Layout.of(scoring.shape, axes, self._classes, tiles, self.network.dims)
        kept = {
            "format": FORMAT,
            "identity": self._identity,
            "edges": scoring.edges,
            "precision": scoring.precision,
        }
        return DiskStore.create(self._folder, layout, threshold, kept)

    def _told(self, facts: dict[str, Any] | None, why: str) -> str:
        if facts is not None:
            return f"going on with {self._folder}"
        return f"starting anew instead of going on with {self._folder}: {why}" if why else ""
