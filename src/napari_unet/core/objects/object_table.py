"""ObjectTable: class, size, place and score of each object, as a CSV that spreadsheets open."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.arrays.boxes import Pixels, split, whole
from napari_unet.core.files.atomic_write import new_file
from napari_unet.core.objects.components import in_space
from napari_unet.core.runtime.jit import jit

ROWS = 2**16  # of the CSV that are made at a time
EDGES = (64, 1024, 1024)  # px of a box, along the last axes


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """One row an object, those without a pixel left out; axes as in ``axes``."""

    axes: str  # of the labels
    dims: int  # axes an object extends over, the last ones
    label: np.ndarray  # (n,)
    kind: np.ndarray  # (n,) class
    area: np.ndarray  # (n,) pixels
    centroid: np.ndarray  # (n, axes) pixels
    low: np.ndarray  # (n, axes) first pixel of the bounding box
    high: np.ndarray  # (n, axes) the one after its last
    score: np.ndarray  # (n,) mean score of the object's class over its pixels

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def measure(
        cls,
        labels: Pixels,
        scores: Pixels,
        kinds: np.ndarray,
        axes: str,
        objects_over: int | None = None,
        edges: Sequence[int] = EDGES,
    ) -> "ObjectTable":
        """Measure ``labels`` (array-like), of which ``kinds`` is the class by label (0: none).

        ``scores``: (classes, *shape of the labels). Both are read a box with ``edges`` at a time.
        Objects extend over the last ``objects_over`` axes, all where not given.
        """
        axes, dims, n = spatial_axes(axes), len(labels.shape), len(kinds)
        area, score = np.zeros(n, np.int64), np.zeros(n)
        place, low = np.zeros((n, dims)), np.full((n, dims), np.iinfo(np.int32).max, np.int32)
        high = np.zeros((n, dims), np.int32)
        for box in split(whole(labels.shape), (*(1,) * (dims - 3), *edges[-dims:])):
            here, corner = np.asarray(labels[box]), np.array([part.start for part in box])
            if not here.any():
                continue
            scored = np.asarray(scores[(slice(None), *box)], np.float32)
            inner = min(dims, 3)
            boxed = here.reshape(here.shape[-inner:])
            lines = scored.reshape(len(scored), *in_space(boxed).shape)
            _tally(in_space(boxed), lines, kinds, corner, (area, score, place, low, high))
        label = np.flatnonzero(area)
        count = area[label]
        return cls(
            axes,
            objects_over or dims,
            label,
            kinds[label],
            count,
            place[label] / count[:, None],
            low[label],
            high[label],
            score[label] / count,
        )

    def write(
        self,
        path: Path,
        *,
        names: Sequence[str] = (),
        pixel_size: Mapping[str, float] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the table to ``path``; ``names`` of the classes and µm a pixel add columns."""
        with (
            new_file(path, overwrite=overwrite) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            size, space = pixel_size or {}, self.axes[-self.dims :]
            complete = set(space) <= set(size)
            factor = prod(size[axis] for axis in space) if complete else None
            writer.writerow(self._head(f"size_um{len(space)}" if complete else None))
            for start in range(0, len(self), ROWS):
                writer.writerows(self._rows(slice(start, start + ROWS), names, factor))

    def _head(self, size: str | None) -> list[str]:
        axes = self.axes.lower()
        return [
            *("label", "class", "class_name", "area_px", *([size] if size else [])),
            *(f"centroid_{axis}_px" for axis in axes),
            *(f"box_{axis}_{end}" for end in ("start", "stop") for axis in axes),
            "mean_score",
        ]

    def _rows(
        self, part: slice, names: Sequence[str], factor: float | None
    ) -> Iterator[tuple[Any, ...]]:
        """Return some rows, made column by column: there may be millions."""
        kinds, area = self.kind[part].tolist(), self.area[part]
        sizes = [] if factor is None else [[f"{size:.6g}" for size in (area * factor).tolist()]]
        return zip(
            *(self.label[part].tolist(), kinds),
            [names[kind] if kind < len(names) else "" for kind in kinds],
            *(area.tolist(), *sizes),
            *([f"{place:.3f}" for place in axis.tolist()] for axis in self.centroid[part].T),
            *(axis.tolist() for axis in (*self.low[part].T, *self.high[part].T)),
            [f"{score:.4f}" for score in self.score[part].tolist()],
            strict=True,
        )


@jit
def _tally(
    labels: np.ndarray,
    scores: np.ndarray,
    kinds: np.ndarray,
    corner: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Add the pixels of one box, whose first pixel is ``corner``, to what is known of labels."""
    area, score, place, low, high = sums
    dims = corner.shape[0]
    at = np.empty(3, np.int64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                n = labels[z, y, x]
                if n == 0:
                    continue
                area[n] += 1
                score[n] += scores[kinds[n], z, y, x]
                at[0], at[1], at[2] = z, y, x
                for axis in range(dims):
                    inner = axis + 3 - dims
                    here = corner[axis] + (at[inner] if inner >= 0 else 0)
                    place[n, axis] += here
                    low[n, axis] = min(low[n, axis], here)
                    high[n, axis] = max(high[n, axis], here + 1)


def preferred_classes(
    labels: Pixels, scores: Pixels, wanted: Sequence[int], edges: Sequence[int] = EDGES
) -> np.ndarray:
    """Return the class (1…) of each of the ``wanted`` labels whose scores have the largest sum.

    ``scores``: (classes, *shape of the labels); the background is left aside, because whoever drew
    the object has said that it is none. Both are read a box with ``edges`` at a time. An object of
    which nothing is scored is of class 1.
    """
    numbers = np.sort(np.asarray(wanted, np.int64))
    sums = np.zeros((scores.shape[0], len(numbers)))
    dims = len(labels.shape)
    for box in split(whole(labels.shape), (*(1,) * (dims - 3), *edges[-dims:])):
        here = np.asarray(labels[box])
        inside = np.isin(here, numbers)
        if inside.any():
            place = np.searchsorted(numbers, here[inside])
            for kind, score in enumerate(np.asarray(scores[(slice(None), *box)])):
                sums[kind] += np.bincount(place, score[inside], len(numbers))
    best = 1 + sums[1:].argmax(axis=0)
    return best[np.searchsorted(numbers, np.asarray(wanted, np.int64))].astype(np.uint8)
