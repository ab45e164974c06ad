"""Segment image files into files, resumable, told step by step.

Small images are kept in memory; a large one lies in a folder ``NAME.partial`` until every tile is
done, and a run that finds such a folder of the same image, network and settings goes on with it.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from glob import glob, has_magic
from math import prod
from pathlib import Path
from typing import Any

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.files.atomic_write import one_sentence
from napari_unet.core.files.image_file import SUFFIXES, ImageFile, is_image, open_image
from napari_unet.core.network.unet import UNet
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
from napari_unet.workflows.result_files import Outputs, ResultWriter
from napari_unet.workflows.segment_request import fingerprint

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
    """How an image is segmented, where there is a choice; see ``prepare.RareOptions``."""

    tile: int | None = None
    memory: int | None = None
    average: str = "none"
    seconds: float | None = None


def find_images(named: Sequence[Path | str]) -> list[Path]:
    """Return the images named, each once, those of a folder or pattern in the order of their names.

    What names no image is an error that says so: a wrong name must be noticed.
    """
    paths = [path for name in named for path in _images_named(str(name))]
    return list(dict.fromkeys(paths))


def _images_named(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_dir() and not is_image(path):
        inside = sorted(one for one in path.iterdir() if is_image(one))
        return _some(inside, f"the folder {path} holds no image: {', '.join(SUFFIXES)} are read")
    if not path.exists() and has_magic(name):
        matches = sorted(Path(one) for one in glob(str(path), recursive=True))  # noqa: PTH207
        return _some([one for one in matches if is_image(one)], f"no image matches '{name}'")
    return _some([path] if path.exists() else [], f"there is no image {path}")


def _some(paths: list[Path], otherwise: str) -> list[Path]:
    if not paths:
        raise FileNotFoundError(otherwise)
    return paths


@dataclass(frozen=True)
class FileSegmentation:
    """One image, the network for it, and what is to be made of it."""

    image: ImageFile  # with axes in order
    network: UNet
    digest: str  # of the network: another network, another run
    outputs: Outputs
    choices: Choices = Choices()

    def plan(self) -> Plan:
        """Return what the run will take, with nothing written."""
        return self._prepare(None).plan()

    def run(self, score: Score = score_here) -> Iterator[FileProgress]:
        """Make the files; ``score`` may be one that uses other machines.

        Closing the iterator, or an error, leaves the partial result for the next run.
        """
        facts, why = self._prior()
        if facts is not None and all_moved(self._folder):
            discard(self._folder)
            return
        if facts is None or not (self._folder / FINISHING).exists():
            self.outputs.check(self.image.path)
        yield FileProgress("prepare", told=self._message(facts, why))
        scoring = self._prepare(facts)
        tiles = list(scoring.tiles())
        store = self._store(scoring, tiles, facts)
        try:
            yield from self._segment(scoring, store, tiles, score)
            for stage in self._finishing.write(store):
                yield FileProgress(stage)
        finally:
            store.close()

    def _prior(self) -> tuple[dict[str, Any] | None, str]:
        """Return what an earlier run kept: its scores serve other objects, its files do not."""
        identity = self._identity
        if not (self._folder / FINISHING).exists():
            del identity["objects"]
        return prior(self._folder, identity)

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
            "objects": asdict(self.outputs.objects) if self.outputs.objects else None,
        }

    @property
    def _classes(self) -> int:
        """The number of scores to keep for each pixel."""
        return self.network.classes if self.outputs.scores or self.outputs.objects else 0

    def _prepare(self, facts: dict[str, Any] | None) -> ImageScorer:
        """Decide tile and precision, or take those of the run that is gone on with."""
        fixed = {"tile": tuple(facts["edges"]), "precision": facts["precision"]} if facts else {}
        options: dict[str, Any] = asdict(self.choices) | fixed
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
            "precision": scoring.scorer.precision,
        }
        return DiskStore.create(self._folder, layout, threshold, kept)

    def _message(self, facts: dict[str, Any] | None, why: str) -> str:
        if facts is not None:
            return f"going on with {self._folder}"
        return f"starting anew instead of going on with {self._folder}: {why}" if why else ""


@dataclass(frozen=True, eq=False)
class FileEvent:
    """How far the files are, or how one of them ended."""

    number: int  # of the file, from 1
    count: int
    path: Path
    stage: str = "open"  # then those of FileProgress; done, planned, skipped or failed at the end
    done: int = 0  # pixels of the stage
    total: int = 0
    told: str = ""  # what the user should know
    results: tuple[Path, ...] = ()
    plan: Plan | None = None
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def share(self) -> float:
        """How much of the stage is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True, eq=False)
class FilesRequest:
    """Which files are segmented, with what, how and into what."""

    images: Sequence[Path | str]  # files, folders of images, patterns such as "day?/*.tif"
    network: UNet
    outputs: Outputs
    choices: Choices = Choices()
    axes: str | None = None  # of the images, where the files say nothing or something wrong
    skip_existing: bool = False  # leave out images whose results are all there
    plan: bool = False  # tell what each image would take, and write nothing

    def paths(self) -> list[Path]:
        """Return the image files; refused where results would lie on one another or on images."""
        folder = self.outputs.folder
        if folder.resolve() in [Path(name).expanduser().resolve() for name in self.images]:
            raise ValueError(
                f"results in {folder} would be mixed with the images: choose another folder"
            )
        paths, inputs_by_result = find_images(self.images), dict[Path, Path]()
        for path in paths:
            result = self.outputs.paths(path)["labels"]
            if result in inputs_by_result:
                raise ValueError(
                    f"{inputs_by_result[result]} and {path} would both become {result}: "
                    "segment them into two folders"
                )
            inputs_by_result[result] = path
        return paths


def segment_files(
    paths: Sequence[Path | str], network: UNet, folder: Path | str, **choices: Any
) -> Iterator[FileEvent]:
    """Segment image files into ``folder``, and yield how far they are.

    ``paths`` are files, folders or patterns. ``choices`` are the fields of Outputs (``form``,
    ``scores``, ``objects``, ``threshold``, ``overwrite``), of Choices (``tile``, ``memory``,
    ``average``, ``seconds``) and of FilesRequest (``axes``, ``skip_existing``, ``plan``). A file
    that fails ends with the event ``failed``, and the next one begins.
    """
    parts: list[dict[str, Any]] = []
    for kind in (Outputs, Choices):
        names = {item.name for item in fields(kind)}
        parts.append({name: choices.pop(name) for name in list(choices) if name in names})
    outputs = Outputs(Path(folder), **parts[0])
    return segment_each(FilesRequest(paths, network, outputs, Choices(**parts[1]), **choices))


def segment_each(request: FilesRequest, score: Score = score_here) -> Iterator[FileEvent]:
    """Segment file after file; the dock, the command and ``segment_files`` use this."""
    paths = request.paths()
    if not request.plan:
        with one_sentence(request.outputs.folder):
            request.outputs.folder.mkdir(parents=True, exist_ok=True)
    digest = fingerprint(request.network)
    for number, path in enumerate(paths, start=1):
        event = FileEvent(number, len(paths), path)
        yield event
        try:
            yield from _segment_file(request, digest, event, score)
        except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
            yield replace(event, stage="failed", error=error)


def _segment_file(
    request: FilesRequest, digest: str, event: FileEvent, score: Score
) -> Iterator[FileEvent]:
    results = tuple(request.outputs.paths(event.path).values())
    if request.skip_existing and all(result.exists() for result in results):
        yield replace(event, stage="skipped", results=results)
        return
    image = open_image(event.path, request.axes).in_order()
    run = FileSegmentation(image, request.network, digest, request.outputs, request.choices)
    if request.plan:
        yield replace(event, stage="planned", plan=run.plan())
        return
    for progress in run.run(score):
        yield replace(event, **vars(progress))
    yield replace(event, stage="done", results=results)
