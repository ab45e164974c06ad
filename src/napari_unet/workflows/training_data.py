"""TrainingData: the annotations of a training, read and divided; compute thread only."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import ImagePixels, spatial_axes
from napari_unet.workflows.training_sources import LayerSource, Recipe, SourceAnnotation

SHOWN = 5  # names told of images that are held back
SIZES_DIFFER = "the images differ in pixel size: the network is trained on pixels as they are"


@dataclass(frozen=True, eq=False)
class ValidationTilePlace:
    """Where in which image a tile is segmented to look at."""

    image: str  # the name of the layer when the training began
    pixels: ImagePixels
    near: tuple[float, ...]  # in the axes of the labels


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Annotations to train and to validate on, and sentences on how they were divided."""

    train: tuple[SourceAnnotation, ...]
    validation: tuple[SourceAnnotation, ...] = ()
    messages: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()  # how much is labelled in each source, before it was divided

    @property
    def annotations(self) -> tuple[list[Annotation], list[Annotation]]:
        """The annotations to train and to validate on."""
        return [r.annotation for r in self.train], [r.annotation for r in self.validation]

    @property
    def channels(self) -> int:
        """Channels of the images; train() checks that all have as many."""
        return self.train[0].annotation.channels

    @property
    def classes(self) -> int:
        """Classes up to the highest that is painted, background included."""
        return max(2, *(r.annotation.class_count for r in (*self.train, *self.validation)), 0)

    @property
    def pixel_sizes(self) -> list[Mapping[str, float]]:
        """The sizes of a pixel in µm that the images name, each once."""
        sizes: list[Mapping[str, float]] = []
        for read in (*self.train, *self.validation):
            if read.pixel_size and read.pixel_size not in sizes:
                sizes.append(read.pixel_size)
        return sizes

    @property
    def pixel_size(self) -> dict[str, float] | None:
        """µm a pixel that all images agree on; None where they do not."""
        sizes = self.pixel_sizes
        return dict(sizes[0]) if len(sizes) == 1 else None

    @property
    def tile_place(self) -> ValidationTilePlace | None:
        """The middle of the labels of the first layer to validate on."""
        for read in self.validation:
            if isinstance(read.source, LayerSource):
                pixels = read.source.snapshot.pixels
                return ValidationTilePlace(read.source.name, pixels, middle(read.annotation))
        return None


def read_sources(recipe: Recipe, depth: int, dims: int) -> Generator[str, None, TrainingData]:
    """Read all sources, yield a message for each image, and hold back labels to validate on."""
    train: list[SourceAnnotation] = []
    held: list[SourceAnnotation] = []
    messages: list[str] = []
    for source in recipe.sources:
        for count, read in enumerate(source.read(messages), start=1):
            (held if source.role == "validate" else train).append(read)
            yield f"reading {source.name}, {count}"
    if not train:
        raise ValueError(
            "there is nothing to train on: add an image with its annotation, with the role train"
        )
    reads = [*train, *held]
    labelled = (facts([r for r in reads if r.source is source]) for source in recipe.sources)
    whole = TrainingData(tuple(train), tuple(held), (), tuple(labelled))
    if len(whole.pixel_sizes) > 1:
        messages.append(SIZES_DIFFER)
    if not held:
        whole, message = with_labels_held_back(whole, depth, dims, recipe)
        messages.append(message)
    return replace(whole, messages=tuple(filter(None, messages)))


def with_labels_held_back(
    whole: TrainingData, depth: int, dims: int, recipe: Recipe
) -> tuple[TrainingData, str]:
    """Hold back some labels to validate on; return the rest, and a sentence on the split."""
    from napari_unet.core.training.validation_split import hold_back

    reads = whole.train
    annotations = [read.annotation for read in reads]
    split = hold_back(annotations, depth, dims, recipe.settings.seed, recipe.hold_back)
    train = zip(split.train, split.train_places, strict=True)
    held = zip(split.validation, split.validation_places, strict=True)
    parts = [
        tuple(replace(reads[place], annotation=annotation) for annotation, place in part)
        for part in (train, held)
    ]
    names = [reads[place].name for place in split.validation_places]
    if set(split.validation_places) & set(split.train_places):  # a part of an image
        names = []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    images = f" They are {', '.join(names[:SHOWN])}{more}." if names else ""
    return replace(whole, train=parts[0], validation=parts[1]), split.said + images


def middle(annotation: Annotation) -> tuple[float, ...]:
    """Return the middle of what is labelled, in the plane with most of it."""
    labelled = annotation.classes != UNLABELLED
    axes = spatial_axes(annotation.axes)
    place = [0.0] * labelled.ndim
    rest = labelled
    for axis, letter in enumerate(axes):
        if letter not in "YX":
            others = tuple(a for a in range(labelled.ndim) if a != axis)
            best = int(rest.sum(axis=others).argmax())
            place[axis] = float(best)
            rest = rest & (np.arange(rest.shape[axis]) == best).reshape(
                [-1 if a == axis else 1 for a in range(rest.ndim)]
            )
    for axis, letter in enumerate(axes):
        if letter in "YX":
            places = np.nonzero(rest)[axis]
            place[axis] = float(places.min() + places.max()) / 2 if places.size else 0.0
    return tuple(place)


def facts(reads: Sequence[SourceAnnotation]) -> str:
    """Return in a few words how much is labelled."""
    if len(reads) != 1:
        return f"{len(reads)} pairs"
    annotation = reads[0].annotation
    labelled = np.count_nonzero(annotation.classes != UNLABELLED)
    share = labelled / max(annotation.classes.size, 1)
    if annotation.ids == "objects":
        return f"{np.count_nonzero(np.unique(annotation.objects))} objects"
    percent = f"{100 * share:.0f}" if share >= 0.01 or not labelled else "< 1"
    return f"{percent} % labelled"
