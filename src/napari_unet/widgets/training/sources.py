"""Sources: where the annotations of a training come from. Frozen, so that they cross threads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels, Layer

from napari_unet.core.annotation import Annotation
from napari_unet.core.files.filepairs import pair_files
from napari_unet.core.files.imagefile import open_image
from napari_unet.core.settings import TrainSettings
from napari_unet.widgets.annotationlayer import Snapshot, snapshot
from napari_unet.widgets.classes import LabelClass, classes_of, code_of
from napari_unet.widgets.pixels import labels_shape


@dataclass(frozen=True, eq=False)
class LayerSource:
    """An image layer and its annotation layer, as they were when they were asked for."""

    snapshot: Snapshot
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


def layer_source(image: Image, labels: Labels, role: str) -> LayerSource:
    """Take a picture of two layers; refused in words where they do not fit. GUI thread."""
    return LayerSource(
        snapshot(image, labels),
        labels.name,
        classes_of(labels),
        role,
        path_of(image),
        path_of(labels),
    )


def path_of(layer: Layer) -> Path | None:
    """Return the file or folder that ``layer`` was read from, if it is on this machine."""
    path = getattr(layer.source, "path", None)
    return Path(path) if path and Path(path).exists() else None


def misfit(image: Image, labels: Labels) -> str:
    """Say why ``labels`` cannot be the annotation of ``image``; empty where they can."""
    try:
        wanted = labels_shape(image)
    except ValueError as error:
        return str(error)
    data = labels.data[0] if labels.multiscale else labels.data
    if tuple(data.shape) == wanted:
        return ""
    return (
        f"'{labels.name}' has {_size(data.shape)} px and '{image.name}' needs {_size(wanted)} px: "
        "choose other layers, or make a new annotation layer"
    )


def code_text(labels: Labels) -> str:
    """Say what the values of ``labels`` mean."""
    code = code_of(labels)
    zero = "0 is unlabelled, 1 background" if code.zero == "unlabelled" else "0 is background"
    ids = "each other value a class" if code.ids == "classes" else "each other value an object"
    return f"{zero}, {ids}"


def _size(shape: Sequence[int]) -> str:
    return " × ".join(str(int(edge)) for edge in shape)
