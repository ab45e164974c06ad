"""Sample: one tile as training gets it, and as the preview shows it.

The place is drawn so that rare classes and new strokes are frequent, the deformation is drawn, and
image, classes and weights are cut from the whole image through that one deformation. The preview
shows the very tile that ``draw_sample`` draws and the weights that it cuts from.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import LETTERS, canonical_labels, spatial_axes
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.deformation.deformation import Deformation
from napari_unet.core.deformation.geometry import (
    Folding,
    Lines,
    fold_lines,
    grid_lines,
    outline,
    stretch,
)
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.sampling.source import LabelledPixels, Source
from napari_unet.core.training.settings import TrainSettings

FRESH = 0.5  # share of samples that hold a fresh stroke, when there is one


@dataclass(frozen=True)
class Place:
    """Where a tile was cut: the plane along the leading axes, and the centre in pixels."""

    plane: tuple[int, ...]
    centre: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Sample:
    """A tile: input of the network, classes and weights; the arrays are read-only."""

    image: np.ndarray  # (C, *input) float32, normalised
    classes: np.ndarray  # (*output) uint8, 255 where unlabelled
    weights: np.ndarray  # (*output) float32, 0 where unlabelled or mirrored
    deformation: Deformation
    place: Place

    def __post_init__(self) -> None:
        for array in (self.image, self.classes, self.weights):
            array.setflags(write=False)


def draw_sample(
    annotation: Annotation,
    settings: TrainSettings,
    rng: np.random.Generator,
    fresh: Box | None = None,
) -> Sample:
    """Draw a sample; the same ``rng`` state gives the same one on every platform.

    Half of the samples hold a labelled pixel of a class drawn first, so that rare classes come up;
    with ``fresh``, a box around new strokes, half hold a pixel of that box. At least one pixel of
    the output is labelled, always.
    """
    source = Source.of(annotation, settings)
    lost = border(settings.depth)
    edge = input_size(settings.depth, max(settings.tile - 2 * lost, 1))
    deformation = draw_deformation(rng, edge, settings)
    pixel = _labelled_pixel(source, rng, fresh)
    inside = rng.integers(lost, edge - lost, settings.dims)
    return _cut_around(source, deformation, pixel, inside, lost)


def draw_deformation(rng: np.random.Generator, edge: int, settings: TrainSettings) -> Deformation:
    """Draw how a tile of ``edge`` pixels an axis is deformed under these settings."""
    return Deformation.draw(
        rng, (edge,) * settings.dims, grid=settings.grid, sd=settings.sd,
        rotation=settings.rotation, mirror=settings.mirror, gray=settings.gray,
        noise=settings.noise,
    )  # fmt: skip


def undeformed(annotation: Annotation, settings: TrainSettings, sample: Sample) -> np.ndarray:
    """Return the tile (C, *input) at the place of ``sample`` as it is in the image."""
    source = Source.of(annotation, settings)
    plain = Deformation.identity(sample.image.shape[1:])
    return plain.cut(_channels(source, sample.place), sample.place.centre)


def _labelled_pixel(source: Source, rng: np.random.Generator, fresh: Box | None) -> tuple[int, ...]:
    """Draw the pixel that the output must hold."""
    if fresh is not None and rng.random() < FRESH:
        near = LabelledPixels(np.ascontiguousarray(source.classes[fresh]))
        if len(near.present):
            starts = [
                part.indices(n)[0] for part, n in zip(fresh, source.classes.shape, strict=True)
            ]
            return tuple(s + p for s, p in zip(starts, near.draw(rng), strict=True))
    return source.places.draw(rng)


def _cut_around(
    source: Source, deformation: Deformation, pixel: tuple[int, ...], inside: np.ndarray, lost: int
) -> Sample:
    """Cut the tile whose pixel ``inside`` shows the labelled ``pixel`` of the source.

    Where the tile would reach beyond the image it is pulled in first, so that less of it is
    mirrored; only if that leaves nothing labelled in it, it stays where it was drawn.
    """
    dims = source.dims
    plane, point = pixel[:-dims], np.array(pixel[-dims:], float)
    offset = deformation.coordinates((0.0,) * dims)[(slice(None), *inside)]
    drawn = point - offset
    output = np.array(deformation.shape) - 2 * lost
    pulled = _pulled_in(drawn, np.array(source.classes.shape[-dims:]), output)
    sample = _cut(source, deformation, Place(plane, tuple(pulled.tolist())), lost)
    if sample.weights.any():
        return sample
    return _cut(source, deformation, Place(plane, tuple(drawn.tolist())), lost)


def _pulled_in(centre: np.ndarray, size: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Move ``centre`` so that an output this wide lies inside an image of ``size``, if it fits."""
    reach = (output - 1) / 2
    inside = np.clip(centre, reach, np.maximum(size - 1 - reach, reach))
    return np.where(size > output, inside, (size - 1) / 2)


def _channels(source: Source, place: Place) -> np.ndarray:
    """Return (C, *spatial), the plane or volume that ``place`` lies in."""
    every: tuple[Any, ...] = (slice(None), *place.plane)
    return source.image[every]


def _cut(source: Source, deformation: Deformation, place: Place, lost: int) -> Sample:
    middle = (slice(lost, -lost),) * source.dims
    image = deformation.change_gray(deformation.cut(_channels(source, place), place.centre))
    classes = deformation.cut_labels(source.classes[place.plane], place.centre, UNLABELLED)[middle]
    weights = deformation.cut(source.weights[place.plane], place.centre)[middle]
    weights[classes == UNLABELLED] = 0.0
    return Sample(image, classes.copy(), np.ascontiguousarray(weights), deformation, place)


MESHES = 14  # about so many meshes of the grid lie along a tile


class TileOutlines(NamedTuple):
    """The edges of a tile as they run in the image, (points, 2) rows and columns."""

    input: np.ndarray
    output: np.ndarray


@dataclass(frozen=True, eq=False)
class TilePreview:
    """A sample with what tells how it was made; of a volume, lines are those of its middle."""

    sample: Sample
    labels: np.ndarray  # (*input) as painted, 0 beyond the edges of the image
    mesh: int  # px of the image between two grid lines
    grid: Lines
    folds: Lines  # around what is folded
    folded: Folding
    outlines: TileOutlines
    border: int  # px of the input that are not in the output, on each side
    painted: tuple[int, ...]  # the classes there are in the annotation


@dataclass(frozen=True, eq=False)
class WeightPreview:
    """The weights of a whole annotation."""

    values: np.ndarray  # float32, axes of the labels; 0 where unlabelled
    low: float  # of what is labelled
    high: float
    painted: tuple[int, ...]


def preview_tile(annotation: Annotation, settings: TrainSettings, seed: int) -> TilePreview:
    """Draw the sample that ``seed`` gives, and its grid."""
    sample = draw_sample(annotation, settings, np.random.default_rng(seed))
    drawn, centre = sample.deformation, sample.place.centre
    labels = canonical_labels(annotation.labels, annotation.axes)[sample.place.plane]
    middle = drawn.shape[0] // 2 if len(drawn.shape) == 3 else 0
    flat = drawn.coordinates(centre)[-2:]
    flat = flat[:, middle] if flat.ndim == 4 else flat
    lost = border(settings.depth)
    mesh = 2 ** max(round(np.log2(drawn.shape[-1] / MESHES)), 2)
    folded = drawn.folded()
    folds = fold_lines(stretch(drawn.nodes, drawn.shape, middle)) if folded.pixels else ()
    inner = flat[:, lost:-lost, lost:-lost]
    return TilePreview(
        sample, drawn.cut_labels(labels, centre, 0), mesh, grid_lines(flat, mesh), folds, folded,
        TileOutlines(outline(flat), outline(inner)), lost, _painted(annotation, settings),
    )  # fmt: skip


def preview_weights(annotation: Annotation, settings: TrainSettings) -> WeightPreview:
    """Weigh every pixel of the annotation."""
    source = Source.of(annotation, settings)
    weights = source.weights[source.classes != 255]
    low, high = (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)
    order = np.argsort([LETTERS.index(letter) for letter in spatial_axes(annotation.axes)])
    values = source.weights.transpose(np.argsort(order))
    return WeightPreview(values, low, high, _painted(annotation, settings))


def _painted(annotation: Annotation, settings: TrainSettings) -> tuple[int, ...]:
    return tuple(int(label) for label in Source.of(annotation, settings).places.present)
