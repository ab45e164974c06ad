"""TrainingData: the annotations of a training, read and divided; compute thread only."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import ImagePixels, spatial_axes
from napari_unet.workflows.training_sources import LayerSource, Recipe, Source


@dataclass(frozen=True, eq=False)
class ValidationTilePlace:
    """Where in which image a tile is segmented to look at."""

    image: str  # the name of the layer when the training began
    pixels: ImagePixels
    near: tuple[float, ...]  # in the axes of the labels


@dataclass(frozen=True, eq=False)
class SourceAnnotation:
    """An annotation and the source it is from."""

    annotation: Annotation
    source: Source


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Annotations to train and to validate on, and sentences on how they were divided."""

    train: tuple[SourceAnnotation, ...]
    validation: tuple[SourceAnnotation, ...] = ()
    said: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()  # how much is labelled in each source, before it was divided

    @property
    def channels(self) -> int:
        """Channels of the images; train() checks that all have as many."""
        return self.train[0].annotation.channels

    @property
    def classes(self) -> int:
        """Classes up to the highest that is painted, background included."""
        return max(2, *(r.annotation.class_count for r in (*self.train, *self.validation)), 0)

    @property
    def pixel_size(self) -> dict[str, float] | None:
        """µm a pixel that all layers agree on; None where they do not."""
        sizes = [
            read.source.snapshot.pixels.pixel_size
            for read in self.train
            if isinstance(read.source, LayerSource)
        ]
        alike = bool(sizes) and len(sizes) == len(self.train) and bool(sizes[0])
        return sizes[0] if alike and all(size == sizes[0] for size in sizes) else None

    @property
    def place(self) -> ValidationTilePlace | None:
        """The middle of the labels of the first layer to validate on."""
        for read in self.validation:
            if isinstance(read.source, LayerSource):
                pixels = read.source.snapshot.pixels
                return ValidationTilePlace(read.source.name, pixels, middle(read.annotation))
        return None


def gather(recipe: Recipe, depth: int, dims: int) -> Generator[str, None, TrainingData]:
    """Read all sources, telling of each file, and hold labels back where that is wanted."""
    train: list[SourceAnnotation] = []
    held: list[SourceAnnotation] = []
    for source in recipe.sources:
        for count, annotation in enumerate(source.annotations(), start=1):
            (held if source.role == "validate" else train).append(
                SourceAnnotation(annotation, source)
            )
            yield f"reading {source.name}, {count}"
    if not train:
        raise ValueError(
            "there is nothing to train on: add an image with its annotation, with the role train"
        )
    reads = [*train, *held]
    told = (facts([r for r in reads if r.source is source]) for source in recipe.sources)
    found = TrainingData(tuple(train), tuple(held), (), tuple(told))
    if held or not recipe.hold_back:
        return found
    return divided(found, depth, dims, recipe.settings.seed)


def divided(whole: TrainingData, depth: int, dims: int, seed: int) -> TrainingData:
    """Hold back some of what is labelled to validate on, as a script would."""
    from napari_unet.core.training.validation_split import hold_back

    reads = whole.train
    found = hold_back([read.annotation for read in reads], depth, dims, seed)
    train = zip(found.train, found.train_places, strict=True)
    held = zip(found.validation, found.validation_places, strict=True)
    return TrainingData(
        tuple(SourceAnnotation(annotation, reads[place].source) for annotation, place in train),
        tuple(SourceAnnotation(annotation, reads[place].source) for annotation, place in held),
        (found.said,),
        whole.facts,
    )


def middle(annotation: Annotation) -> tuple[float, ...]:
    """Return the middle of what is labelled, in the plane with most of it."""
    labelled = annotation.classes != UNLABELLED
    axes = spatial_axes(annotation.axes)
    found = [0.0] * labelled.ndim
    rest = labelled
    for axis, letter in enumerate(axes):
        if letter not in "YX":
            others = tuple(a for a in range(labelled.ndim) if a != axis)
            best = int(rest.sum(axis=others).argmax())
            found[axis] = float(best)
            rest = rest & (np.arange(rest.shape[axis]) == best).reshape(
                [-1 if a == axis else 1 for a in range(rest.ndim)]
            )
    for axis, letter in enumerate(axes):
        if letter in "YX":
            places = np.nonzero(rest)[axis]
            found[axis] = float(places.min() + places.max()) / 2 if places.size else 0.0
    return tuple(found)


def facts(reads: Sequence[SourceAnnotation]) -> str:
    """Say in a few words how much is labelled."""
    if len(reads) != 1:
        return f"{len(reads)} pairs"
    annotation = reads[0].annotation
    labelled = np.count_nonzero(annotation.classes != UNLABELLED)
    share = labelled / max(annotation.classes.size, 1)
    if annotation.ids == "objects":
        return f"{np.count_nonzero(np.unique(annotation.objects))} objects"
    percent = f"{100 * share:.0f}" if share >= 0.01 or not labelled else "< 1"
    return f"{percent} % labelled"
