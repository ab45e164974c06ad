"""Preview: what a training will see of an annotation, ready to be drawn.

The tile is the one ``draw_sample`` draws and the weights are those it cuts from: nothing is
imitated for the eye.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.arrays.axes import LETTERS, canonical_labels, spatial_axes
from napari_unet.core.deformation.geometry import Folding, stretch
from napari_unet.core.deformation.gridlines import Lines, fold_lines, grid_lines, outline
from napari_unet.core.network.legal_sizes import border
from napari_unet.core.sampling.sample import Sample, draw_sample
from napari_unet.core.sampling.source import Source
from napari_unet.core.training.settings import TrainSettings

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
    known = source.weights[source.classes != 255]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    order = np.argsort([LETTERS.index(letter) for letter in spatial_axes(annotation.axes)])
    values = source.weights.transpose(np.argsort(order))
    return WeightPreview(values, low, high, _painted(annotation, settings))


def _painted(annotation: Annotation, settings: TrainSettings) -> tuple[int, ...]:
    return tuple(int(label) for label in Source.of(annotation, settings).places.present)
