"""StrokeBatches: which strokes the next step learns from, and the tiles cut around them.

Half of a batch comes from strokes that are not learned yet, half from all others: each class as
often, and within a class each stroke as often, so that a large stroke does not outweigh a thin
line. Some pixels that nobody painted keep the class that is shown there (``PseudoLabels``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import PlaneIndex, cuts
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.sampling.sample import draw_deformation
from napari_unet.core.teaching.image_view import CELL, ImageView
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.training.batches import Batch
from napari_unet.core.training.settings import TrainSettings

FRESH = 0.5  # share of a batch that holds strokes not learned yet
SEEN = 44  # pixels along the edge of what a close look learns from: a third of the work
MORE = 2  # times as many tiles of them


@dataclass(eq=False)
class ShownPlane:
    """Classes shown in some cells of a plane of ``shape``, UNLABELLED elsewhere; read by boxes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.uint8] = field(default_factory=lambda: np.dtype(np.uint8))
    _cells: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        classes = np.full([part.stop - part.start for part in box], UNLABELLED, np.uint8)
        for cell, into, inside in self._meeting(box):
            classes[into] = cell[inside]
        return classes

    def keep(self, place: tuple[int, int], classes: np.ndarray) -> None:
        """Keep what a cell shows; ``classes`` may be larger than the cell."""
        self._cells[place] = classes[:CELL, :CELL].copy()

    def forget(self, box: tuple[slice, ...]) -> None:
        """Keep nothing of ``box``."""
        for cell, _, inside in self._meeting(box):
            cell[inside] = UNLABELLED

    def _meeting(
        self, box: tuple[slice, ...]
    ) -> Iterator[tuple[np.ndarray, tuple[slice, slice], tuple[slice, slice]]]:
        """Yield the cells that a box meets, where in the box and where in the cell."""
        for row, into_y, from_y in cuts(box[0], CELL):
            for column, into_x, from_x in cuts(box[1], CELL):
                if (row, column) in self._cells:
                    yield self._cells[row, column], (into_y, into_x), (from_y, from_x)


class PseudoLabels(NamedTuple):
    """What is to be learned beside the strokes."""

    classes: Mapping[PlaneIndex, ShownPlane]
    weight: float  # of all of it in a batch; that of the strokes is 1


NOTHING = PseudoLabels({}, 0.0)


class Choice(NamedTuple):
    """Which strokes a batch is drawn from, and how closely they are looked at."""

    fresh: Sequence[Stroke] = ()  # come up more often
    without: frozenset[int] = frozenset()  # numbers of those that weigh nothing
    close: bool = False  # many small tiles: a stroke just painted is learned soonest so
    unpainted: PseudoLabels = NOTHING


ALL = Choice()


@dataclass(frozen=True, eq=False)
class StrokeTile:
    """One tile: the image, and the stroke number of each output pixel or what is shown of it."""

    image: np.ndarray  # (C, *input)
    numbers: np.ndarray  # (*output) int32; 0: not painted
    shown: np.ndarray  # (*output) uint8


class StrokeBatches:
    """Draws batches for networks made by ``settings``."""

    def __init__(self, picture: ImageView, strokes: Strokes, settings: TrainSettings) -> None:
        self._picture = picture
        self._strokes = strokes
        self._settings = settings
        self._lost = border(settings.depth)
        output = max(settings.tile - 2 * self._lost, 1)
        self._wide = input_size(settings.depth, output)
        self._close = input_size(settings.depth, min(output, SEEN))

    def draw(self, step: int, classes: int, device: torch.device, choice: Choice = ALL) -> Batch:
        """Return the batch of ``step``."""
        rng = np.random.default_rng([self._settings.seed, step])
        edge = self._close if choice.close else self._wide
        maps = choice.unpainted.classes
        cuts = [
            self._cut(stroke, edge, rng, maps.get(stroke.plane))
            for stroke in self._chosen(choice, rng)
        ]
        return self._batch(cuts, classes, device, choice)

    def _chosen(self, choice: Choice, rng: np.random.Generator) -> list[Stroke]:
        """Return the stroke that each tile of a batch is to show."""
        usable = [stroke for stroke in self._strokes if stroke.number not in choice.without]
        fresh = [stroke for stroke in choice.fresh if stroke.number not in choice.without]
        tiles = self._settings.batch * (MORE if choice.close else 1)
        new = max(round(FRESH * tiles), 1) if fresh else 0
        chosen = [fresh[int(rng.integers(len(fresh)))] for _ in range(new)]
        return chosen + [_one_of(usable, rng) for _ in range(tiles - new)]

    def _cut(
        self, stroke: Stroke, edge: int, rng: np.random.Generator, shown: ShownPlane | None
    ) -> StrokeTile:
        """Cut a tile that shows a pixel of ``stroke`` somewhere in its output."""
        pixel = stroke.pixels[rng.integers(len(stroke.pixels))] // self._strokes.factor
        settings, lost = self._settings, self._lost
        deformation = draw_deformation(rng, edge, settings)
        inside = rng.integers(lost, edge - lost, 2)
        offset = deformation.coordinates((0.0, 0.0))[(slice(None), *inside)]
        centre = self._pulled_in(pixel - offset, edge)
        inner = (slice(lost, -lost),) * 2
        painted = self._strokes.numbers(stroke.plane)
        numbers = deformation.cut_labels(painted, centre, 0)[inner]
        if not (numbers == stroke.number).any():
            centre = pixel - offset
            numbers = deformation.cut_labels(painted, centre, 0)[inner]
        image = deformation.cut(self._picture.plane(stroke.plane), centre)
        if shown is None:
            pseudo = np.full(numbers.shape, UNLABELLED, np.uint8)
        else:
            pseudo = deformation.cut_labels(shown, centre, UNLABELLED)[inner]
        return StrokeTile(deformation.change_gray(image), numbers, pseudo)

    def _pulled_in(self, centre: np.ndarray, edge: int) -> np.ndarray:
        """Move ``centre`` so that the output lies inside the image, if it fits."""
        size = np.array(self._picture.working)
        reach = (edge - 2 * self._lost - 1) / 2
        inside = np.clip(centre, reach, np.maximum(size - 1 - reach, reach))
        return np.where(size > 2 * reach + 1, inside, (size - 1) / 2)

    def _batch(
        self, cuts: Sequence[StrokeTile], classes: int, device: torch.device, choice: Choice
    ) -> Batch:
        numbers = np.stack([cut.numbers for cut in cuts])
        table = self._strokes.table()
        table[list(choice.without)] = UNLABELLED
        kinds = table[numbers]
        weights = self._weights(numbers, kinds)
        shown = np.stack([cut.shown for cut in cuts])
        unpainted = (numbers == 0) & (shown != UNLABELLED)
        if unpainted.any():
            kinds = np.where(unpainted, shown, kinds)
            weights[unpainted] = choice.unpainted.weight / int(unpainted.sum())
        # the loss divides by the labelled pixels of each tile, and averages over tiles
        weights *= (kinds != UNLABELLED).sum(axis=(1, 2), keepdims=True) * len(kinds)
        image = torch.from_numpy(np.stack([cut.image for cut in cuts])).to(device)
        return Batch(
            image.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(kinds).to(device),
            torch.from_numpy(weights).to(device),
            float(np.log(classes)),
        )

    def _weights(self, numbers: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """Weigh painted pixels so that each class counts as much; all of a batch weigh 1."""
        worth = np.zeros(int(numbers.max()) + 1, np.float32)
        for number in np.unique(numbers[kinds != UNLABELLED]).tolist():
            stroke = self._strokes.get(number)
            worth[number] = stroke.weight if stroke else 0.0
        weights = worth[numbers] * (kinds != UNLABELLED)
        each = np.bincount(kinds.ravel(), weights.ravel(), minlength=256)
        each[UNLABELLED] = 0.0
        share = np.divide(1.0, each, out=np.zeros_like(each), where=each > 0)
        return (weights * share[kinds] / max(int((each > 0).sum()), 1)).astype(np.float32)


def _one_of(strokes: Sequence[Stroke], rng: np.random.Generator) -> Stroke:
    """Draw a class, then a stroke of it."""
    kinds = sorted({stroke.kind for stroke in strokes})
    kind = kinds[rng.integers(len(kinds))]
    same = [stroke for stroke in strokes if stroke.kind == kind]
    return same[int(rng.integers(len(same)))]
