"""Sources: where the annotations of a training come from. Frozen, so that they cross threads.

Storage: what a run keeps of its layers, so that it can go on after a crash without them.

Labels as TIFF and pixels as .npy, which any program opens; files in folders are only referred to.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.axes import ImagePixels, spatial_axes
from napari_unet.core.files.atomic_write import new_file
from napari_unet.core.files.file_pairs import pair_files
from napari_unet.core.files.image_file import open_image
from napari_unet.core.files.label_file import write_labels
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class LayerSnapshot:
    """An image and its labels as they were; the brush may go on painting. Crosses threads."""

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

    def annotations(self) -> Iterator[Annotation]:
        """Make the annotation; compute thread."""
        annotation = self.snapshot.annotation()
        try:
            _ = annotation.classes  # what cannot be understood is said here, with a name
        except ValueError as error:
            raise ValueError(f"'{self.name}': {error}") from None
        yield annotation


@dataclass(frozen=True)
class FolderSource:
    """A folder of images and one of their labels, paired by name."""

    images: Path
    labels: Path
    role: str = "train"
    zero: str = "background"
    ids: str = "objects"

    @property
    def name(self) -> str:
        """What it is called in the dock."""
        return self.images.name

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Files name no classes."""
        return ()

    def annotations(self) -> Iterator[Annotation]:
        """Read the pairs one by one; compute thread."""
        pairs, _ = pair_files(self.images, self.labels)
        for pair in pairs:
            image, labels = open_image(pair.first), open_image(pair.second)
            try:
                found = Annotation(
                    image.data, labels.data, axes=image.axes, zero=self.zero, ids=self.ids
                )
                _ = found.classes
            except ValueError as error:
                raise ValueError(f"{pair.second}: {error}") from None
            yield found


Source = LayerSource | FolderSource


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that decides a training, as it was when it was started."""

    name: str  # of the network that will come of it
    sources: tuple[Source, ...]
    settings: TrainSettings
    hold_back: bool = True  # labels to validate on, where no source has that role
    network: Any = None  # to go on from; a new one where there is none
    before: str = ""  # the name of that network
    before_path: Path | None = None  # the file it is in
    device: str = "auto"
    run: Path | None = None  # its folder
    resumed: bool = False  # goes on where the checkpoint in its folder stands

    def with_role(self, role: str) -> list[Source]:
        """Return the sources to train, or to validate, on."""
        return [source for source in self.sources if source.role == role]


DATA = "data"
SLAB = 2**25  # bytes written between two signs of life


def store(recipe: Recipe, run: RunFolder) -> Generator[str, None, None]:
    """Write copies of all layers into the folder of the run, and note what is where."""
    folder = run.path / DATA
    folder.mkdir()
    noted = []
    for place, source in enumerate(recipe.sources, start=1):
        if isinstance(source, FolderSource):
            noted.append(_of_folder(source))
            continue
        for _ in _write(source, folder, place):
            yield f"keeping a copy of {source.name}"
        noted.append(_of_layer(source, place))
    run.note(sources=noted)


def sources_of(facts: Mapping[str, Any], folder: Path) -> Iterator[Source]:
    """Return the sources that ``store`` noted in ``facts``."""
    for noted in facts["sources"]:
        if "folder" in noted:
            images, labels = (Path(path) for path in noted["folder"])
            yield FolderSource(images, labels, noted["role"], noted["zero"], noted["ids"])
        else:
            yield _layer(noted, folder / DATA)


def _write(source: LayerSource, folder: Path, place: int) -> Iterator[None]:
    taken = source.snapshot
    with new_file(folder / f"image-{place}.npy") as temporary:
        yield from write_slabs(temporary, taken.pixels.data)
    labels, axes = taken.labels, spatial_axes(taken.pixels.axes)
    write_labels(
        folder / f"labels-{place}.tif", labels, axes=axes, pixel_size=taken.pixels.pixel_size
    )
    yield


def write_slabs(path: Path, data: Any) -> Iterator[None]:
    """Write an array of any kind as .npy, a few of its planes or rows at a time."""
    each = max(SLAB // max(data.nbytes // max(data.shape[0], 1), 1), 1)
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(data.dtype)),
        "fortran_order": False,
        "shape": tuple(int(edge) for edge in data.shape),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, data.shape[0], each):
            file.write(np.ascontiguousarray(data[first : first + each]).tobytes())
            yield


def _of_folder(source: FolderSource) -> dict[str, Any]:
    paths = [str(source.images.resolve()), str(source.labels.resolve())]
    return {"folder": paths, "role": source.role, "zero": source.zero, "ids": source.ids}


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
    found = open_image(folder / noted["labels"], spatial_axes(axes)).data
    labels = np.asarray(found[...]).astype(noted["dtype"])
    labels.setflags(write=False)
    taken = LayerSnapshot(
        noted["name"], ImagePixels(data, axes, size), labels, noted["zero"], noted["ids"]
    )
    classes = tuple(LabelClass(c["name"], c["color"]) for c in noted["classes"])
    return LayerSource(taken, noted["labels_name"], classes, noted["role"])
