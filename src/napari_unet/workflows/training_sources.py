"""Where the annotations of a training come from, and how a run keeps them.

Frozen, so that they cross threads. A run keeps copies of its layers, labels as TIFF and pixels as
.npy, so that it can go on after a crash without them; files are only referred to.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.axes import ImagePixels, spatial_axes
from napari_unet.core.arrays.boxes import Pixels, pieces
from napari_unet.core.files.atomic_write import new_file
from napari_unet.core.files.file_pairs import pair_files
from napari_unet.core.files.image_file import open_image
from napari_unet.core.files.label_file import write_labels
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.run_folder import RunFolder, digest_of_file


@dataclass(frozen=True, eq=False)
class LayerSnapshot:
    """An image and a copy of its labels, which may be painted on meanwhile. Crosses threads."""

    name: str  # of the image
    pixels: ImagePixels
    labels: np.ndarray  # a copy, read-only, axes of the image without C
    zero: str
    ids: str

    def annotation(self) -> Annotation:
        """Make the annotation; in the compute thread, because it reads the whole image."""
        return Annotation(
            self.pixels.data, self.labels, axes=self.pixels.axes, zero=self.zero, ids=self.ids
        )


@dataclass(frozen=True, eq=False)
class SourceAnnotation:
    """An annotation, where it is from, and what is known of its image."""

    annotation: Annotation
    source: "Source"
    name: str  # of the image
    files: tuple[Path, Path] | None = None  # of image and labels
    pixel_size: Mapping[str, float] = field(default_factory=dict)  # µm by axis; empty: unknown


@dataclass(frozen=True, eq=False)
class LayerSource:
    """An image layer and its annotation layer, as they were when they were asked for."""

    snapshot: LayerSnapshot
    labels_name: str
    classes: tuple[LabelClass, ...]
    role: str
    image_path: Path | None = None  # the file the layer was read from
    labels_path: Path | None = None

    @property
    def name(self) -> str:
        """What it is called in the dock."""
        return self.snapshot.name

    def read(self, messages: list[str]) -> Iterator[SourceAnnotation]:
        """Make the annotation; compute thread."""
        annotation = checked(self.snapshot.annotation, f"'{self.name}'")
        yield SourceAnnotation(annotation, self, self.name, None, self.snapshot.pixels.pixel_size)


@dataclass(frozen=True)
class FileSource:
    """An image file and its labels, or a folder of images and one of their labels."""

    images: Path | str
    labels: Path | str
    role: str = "train"  # or "validate"
    zero: str = "background"  # what 0 means: background or unlabelled
    ids: str = "objects"  # what other values mean: objects or classes
    axes: str = ""  # of the images, where the files say nothing or something wrong

    @property
    def name(self) -> str:
        """What it is called in the dock."""
        return Path(self.images).name

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Files name no classes."""
        return ()

    def read(self, messages: list[str]) -> Iterator[SourceAnnotation]:
        """Read the pairs one by one, and add to ``messages`` which files have no partner."""
        pairs, alone = pair_files(Path(self.images), Path(self.labels))
        messages += alone
        for pair in pairs:
            image = open_image(pair.first, self.axes or None)
            labels = open_image(pair.second, spatial_axes(self.axes) if self.axes else None)
            make = partial(
                Annotation, image.data, labels.data,
                axes=image.axes, zero=self.zero, ids=self.ids,
            )  # fmt: skip
            annotation = checked(make, str(pair.second))
            files = (pair.first, pair.second)
            yield SourceAnnotation(annotation, self, pair.first.name, files, dict(image.pixel_size))


def checked(make: Callable[[], Annotation], name: str) -> Annotation:
    """Make an annotation; an error names its labels."""
    try:
        annotation = make()
        _ = annotation.classes
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return annotation


Source = LayerSource | FileSource


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that decides a training, as it was when it was started."""

    name: str  # of the network that will come of it
    sources: Sequence[Source]
    settings: TrainSettings
    hold_back: float | None = None  # share of the labels to validate on where no source has that
    # role; None: 0.15 where enough is labelled
    network: Any = None  # to go on from; a new one where there is none
    before: str = ""  # the name of that network
    before_path: Path | None = None  # the file it is in
    keep_normalisation: bool = True  # normalise the images as that network has seen them
    device: str = "auto"
    resumed: bool = False  # goes on where the checkpoint in its run folder stands


DATA = "data"
SLAB = 2**25  # bytes written between two signs of life


def store(recipe: Recipe, run: RunFolder) -> Generator[str, None, None]:
    """Write copies of all layers into the folder of the run, and note what is where."""
    if any(isinstance(source, LayerSource) for source in recipe.sources):
        (run.path / DATA).mkdir()
    noted = []
    for place, source in enumerate(recipe.sources, start=1):
        if isinstance(source, FileSource):
            noted.append(_of_files(source))
            continue
        for _ in _write(source, run, place):
            yield f"keeping a copy of {source.name}"
        noted.append(_of_layer(source, place))
    run.note(sources=noted)


def files_of(
    reads: Mapping[str, Sequence[SourceAnnotation]], recipe: Recipe, run: RunFolder
) -> Generator[str, None, list[dict[str, Any]]]:
    """Return the files of what was read for each role, with their SHA-256.

    Those of layers are the copies in the folder of the run. An image of which a part is held back
    is named once.
    """
    facts: dict[tuple[str, str], dict[str, Any]] = {}
    for role, of_role in reads.items():
        for read in of_role:
            files = read.files or _copies(run, list(recipe.sources).index(read.source) + 1)
            image, labels = (str(file.resolve()) for file in files)
            if (image, labels) in facts:
                continue
            message = f"noting which file {read.name} is"
            facts[image, labels] = {
                "image": image,
                "image_sha256": (yield from _with_message(message, digest_of_file(files[0]))),
                "labels": labels,
                "labels_sha256": (yield from _with_message(message, digest_of_file(files[1]))),
                "role": role,
            }
    return list(facts.values())


def sources_of(facts: Mapping[str, Any], folder: Path) -> Iterator[Source]:
    """Return the sources that ``store`` noted in ``facts``."""
    for noted in facts["sources"]:
        if "folder" in noted:
            images, labels = (Path(path) for path in noted["folder"])
            meaning = noted["zero"], noted["ids"], noted.get("axes", "")
            yield FileSource(images, labels, noted["role"], *meaning)
        else:
            yield _layer(noted, folder / DATA)


def _with_message(message: str, work: Generator[None, None, str]) -> Generator[str, None, str]:
    """Do ``work``, and yield ``message`` each time it yields."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return str(end.value)
        yield message


def _copies(run: RunFolder, place: int) -> tuple[Path, Path]:
    """Return the files that hold the layers of the source at this place, counted from 1."""
    return run.path / DATA / f"image-{place}.npy", run.path / DATA / f"labels-{place}.tif"


def _write(source: LayerSource, run: RunFolder, place: int) -> Iterator[None]:
    taken = source.snapshot
    image, labels_file = _copies(run, place)
    with new_file(image) as temporary:
        yield from write_slabs(temporary, taken.pixels.data)
    labels, axes = taken.labels, spatial_axes(taken.pixels.axes)
    write_labels(labels_file, labels, axes=axes, pixel_size=taken.pixels.pixel_size)
    yield


def write_slabs(path: Path, data: Pixels) -> Iterator[None]:
    """Write an array of any kind as .npy, a few of its planes or rows at a time."""
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(data.dtype)),
        "fortran_order": False,
        "shape": tuple(int(edge) for edge in data.shape),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for box in pieces(data.shape, SLAB // np.dtype(data.dtype).itemsize):
            file.write(np.ascontiguousarray(data[box]).tobytes())
            yield


def _of_files(source: FileSource) -> dict[str, Any]:
    paths = [str(Path(path).resolve()) for path in (source.images, source.labels)]
    return {
        "folder": paths, "role": source.role, "zero": source.zero, "ids": source.ids,
        "axes": source.axes,
    }  # fmt: skip


def _of_layer(source: LayerSource, place: int) -> dict[str, Any]:
    taken = source.snapshot
    return {
        "name": source.name,
        "labels_name": source.labels_name,
        "image": f"image-{place}.npy",
        "labels": f"labels-{place}.tif",
        "axes": taken.pixels.axes,
        "pixel_size": taken.pixels.pixel_size,
        "dtype": str(taken.labels.dtype),
        "role": source.role,
        "zero": taken.zero,
        "ids": taken.ids,
        "classes": [{"name": c.name, "color": c.color} for c in source.classes],
    }


def _layer(noted: Mapping[str, Any], folder: Path) -> LayerSource:
    axes, size = str(noted["axes"]), dict(noted["pixel_size"])
    data = np.load(folder / noted["image"], allow_pickle=False)
    data.setflags(write=False)
    stored = open_image(folder / noted["labels"], spatial_axes(axes)).data
    labels = np.asarray(stored[...]).astype(noted["dtype"])
    labels.setflags(write=False)
    taken = LayerSnapshot(
        noted["name"], ImagePixels(data, axes, size), labels, noted["zero"], noted["ids"]
    )
    classes = tuple(LabelClass(c["name"], c["color"]) for c in noted["classes"])
    return LayerSource(taken, noted["labels_name"], classes, noted["role"])
