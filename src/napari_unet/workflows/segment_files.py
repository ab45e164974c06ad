"""FileSegmentation: one image file segmented into files, resumable, told step by step.

Small images are kept in memory; a large one lies in a folder ``NAME.partial`` until every tile is
done, and a run that finds such a folder of the same image, network and settings goes on with it.

Outputs: which files the segmentation of an image makes, and what they are called.

ResultWriter: from a store with every tile done to files that appear whole, labels last.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.files.atomic_write import check_free, one_sentence, settle_folder, take_name
from napari_unet.core.files.image_file import SUFFIXES, ImageFile
from napari_unet.core.files.label_file import write_tiff
from napari_unet.core.files.ome_zarr import complete, levels_of, write_ome_zarr
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import ObjectSettings, label_objects_tiled
from napari_unet.core.objects.object_table import ObjectTable
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.score_tiles import ImageScorer, Plan, Score, score_here
from napari_unet.core.segmentation.tile_store import (
    FINISHING,
    FORMAT,
    DiskStore,
    LabelStore,
    Layout,
    all_moved,
    discard,
    lock_store,
    prior,
)
from napari_unet.core.segmentation.tiling import Tile

FORMS = {"tiff": ".tif", "ome-zarr": ".zarr"}


@dataclass(frozen=True)
class Outputs:
    """What is made of each image, and where."""

    folder: Path
    form: str = "tiff"
    scores: bool = False
    objects: ObjectSettings | None = None
    threshold: float = 0.5
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"the format is '{self.form}': choose one of {', '.join(FORMS)}")
        ObjectSettings(threshold=self.threshold)  # refuses one that is none

    def paths(self, image: Path) -> dict[str, Path]:
        """Return the files made of ``image``: labels, and scores, objects, table where wanted."""
        wanted = ["labels", *["scores"] * self.scores, *["objects"] * bool(self.objects)]
        suffix, stem = FORMS[self.form], stem_of(image)
        found = {what: self.folder / f"{stem}_{what}{suffix}" for what in wanted}
        return found | ({"table": self.folder / f"{stem}_objects.csv"} if self.objects else {})

    def check(self, image: Path) -> None:
        """Refuse to write over what is there, unless that was asked for."""
        for path in self.paths(image).values():
            check_free(path, self.overwrite)

    def partial(self, image: Path) -> Path:
        """Return the folder in which a large image is kept while it is segmented."""
        return self.folder / f"{stem_of(image)}.partial"


def stem_of(path: Path) -> str:
    """Return the name without what says how it is stored: "cells" of "cells.ome.tif"."""
    stem = path.name
    for suffix in (path.suffix, ".ome"):
        if suffix.lower() in (*SUFFIXES, ".ome"):
            stem = stem.removesuffix(suffix)
    return stem


ORDER = ("objects", "scores", "labels")  # objects are made of scores, and labels say: all is there


@dataclass(frozen=True)
class ResultWriter:
    """Makes the files of ``outputs`` for one image."""

    outputs: Outputs
    image: ImageFile
    names: tuple[str, ...]  # of the classes
    dims: int  # axes the network sees

    def write(self, store: LabelStore) -> Iterator[str]:
        """Write every file, labels last; yield what is done next. Then the store is removed.

        Files that an earlier run of the same store left are replaced.
        """
        outputs, again = self.outputs, store.finishing
        if again:
            outputs = replace(outputs, overwrite=True)
        outputs.check(self.image.path)
        store.finish()
        writer = _Writer(outputs, self.image, store)
        for what in [what for what in ORDER if what in writer.paths]:
            if again and writer.paths[what].exists() and not store.holds(what):
                continue
            yield what
            if what == "objects":
                self._write_objects(writer)
            else:
                kind = np.dtype(np.float32 if what == "scores" else np.uint8)
                writer.write(what, getattr(store, what), kind)
        store.remove()

    def _write_objects(self, writer: "_Writer") -> None:
        store, wanted = writer.store, self.outputs.objects or ObjectSettings()
        assert store.scores is not None  # objects are made of them
        settings = replace(wanted, dims=self.dims)
        objects, work = store.scratch("objects"), store.scratch("work")
        kinds = label_objects_tiled(store.scores, objects, settings, work=work)
        table = ObjectTable.measure(objects, store.scores, kinds, self.image.axes, self.dims)
        table.write(
            writer.paths["table"],
            names=self.names,
            pixel_size=self.image.pixel_size,
            overwrite=writer.outputs.overwrite,
        )
        writer.write("objects", objects, np.dtype(np.uint16 if len(kinds) <= 2**16 else np.uint32))


@dataclass(frozen=True)
class _Writer:
    """Writes the arrays of one store to the files of one image."""

    outputs: Outputs
    image: ImageFile
    store: LabelStore

    @property
    def paths(self) -> dict[str, Path]:
        return self.outputs.paths(self.image.path)

    def write(self, what: str, array: Any, dtype: np.dtype) -> None:
        path, size = self.paths[what], self.image.pixel_size
        overwrite = self.outputs.overwrite
        axes = "C" * (what == "scores") + spatial_axes(self.image.axes)
        if self.outputs.form == "tiff":
            write_tiff(path, array, axes=axes, pixel_size=size, dtype=dtype, overwrite=overwrite)
            return
        levels = levels_of(self.image.path) or None
        if isinstance(self.store, DiskStore):
            self._move(self.store.folder / f"{what}.zarr", path, levels)
            return
        if axes.startswith("CT"):  # OME-Zarr wants time first
            array, axes = np.moveaxis(array, 0, 1), "TC" + axes[2:]
        write_ome_zarr(
            path, array.astype(dtype), axes=axes, pixel_size=size, levels=levels,
            overwrite=overwrite,
        )  # fmt: skip

    def _move(self, folder: Path, path: Path, levels: int | None) -> None:
        """Make the store of one array, which is OME-Zarr but for its levels, the result."""
        with one_sentence(path):
            group = zarr.open_group(folder, mode="r+")
            complete(group, self.image.pixel_size, levels, path.stem)
            for left in folder.rglob("*.partial"):  # chunks that were cut short
                left.unlink()
            settle_folder(folder)
            take_name(folder, path, overwrite=self.outputs.overwrite)


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
        lock_store(self._folder)
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
