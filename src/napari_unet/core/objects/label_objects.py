"""Objects: from scores to instance labels, in memory or box by box, with the same numbers.

Pixels above the threshold that connect through their faces and have one best class are an object.
Objects are numbered 1, 2, … in the order of their first pixels, whatever the boxes were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unet.core.arrays.boxes import (
    Box,
    FixedAxes,
    Pixels,
    PixelStore,
    grow,
    inside,
    split,
    whole,
)
from napari_unet.core.objects.components import Components, RegionStore, fill_holes
from napari_unet.core.objects.touching_objects import MARGIN, give_back, split_objects

EDGES = {2: (2048, 2048), 3: (64, 256, 256)}  # px of a box; 4 million pixels


@dataclass(frozen=True)
class ObjectSettings:
    """How objects are made of scores; lengths and areas in pixels."""

    threshold: float = 0.5  # share of the best class against background from which it is one
    min_area: int = 0  # objects that are smaller before ridges are given back are dropped
    holes: int = 0  # holes up to this area are filled; 0: none
    split: float = 0.0  # depth of the necks at which objects are split; 0: never
    give_back: bool = True  # give the ridges that training sets between objects back to them
    dims: int | None = None  # axes an object extends over, the last ones; None: all

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"the threshold is {self.threshold}: it must lie between 0 and 1")
        for name in ("min_area", "holes", "split"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 0 or more")
        if self.dims not in (None, 2, 3):
            raise ValueError(f"objects extend over 2 or 3 axes, not {self.dims}")


def label_objects(
    scores: np.ndarray, *, settings: ObjectSettings | None = None, **changes: Any
) -> np.ndarray:
    """Return objects 1, 2, … (int32) in ``scores`` (classes, *shape), class 0 the background.

    ``changes`` are fields of ``ObjectSettings``: threshold, min_area, give_back, holes, …
    Along the axes before the last ``dims``, each plane (or volume) is labelled alone.
    """
    settings = replace(settings or ObjectSettings(), **changes)
    out = np.zeros(scores.shape[1:], np.int32)
    label_objects_tiled(scores, out, settings, work=np.zeros_like(out), edges=scores.shape[1:])
    return out


def label_objects_tiled(
    scores: Pixels,
    out: PixelStore,
    settings: ObjectSettings | None = None,
    *,
    work: PixelStore,
    edges: Sequence[int] | None = None,
) -> np.ndarray:
    """Write the objects of ``scores`` (classes, *shape) to ``out`` (int32, shape), box by box.

    All three are array-likes that are read and written in boxes of ``edges``; ``work`` is scratch
    of the type and shape of ``out``. Returns the class of each object, by number (0: none).
    """
    settings = settings or ObjectSettings()
    shape = _checked(scores)
    dims = settings.dims or len(shape)
    if not 2 <= dims <= min(3, len(shape)):
        raise ValueError(
            f"scores of shape {tuple(scores.shape)} have {len(shape)} axes besides the classes: "
            f"objects extend over 2 or 3 of them, not {dims}: say dims=2 or dims=3"
        )
    box = tuple(edges or EDGES[dims])[-dims:]
    kinds = [np.zeros(1, np.uint8)]
    for plane in np.ndindex(*shape[:-dims]):
        here = _Plane(
            FixedAxes(scores, plane, skip=1), FixedAxes(out, plane), FixedAxes(work, plane)
        )
        kinds.append(here.label(settings, box, sum(map(len, kinds)) - 1))
    return np.concatenate(kinds)


def _checked(scores: Pixels) -> tuple[int, ...]:
    if len(scores.shape) < 3 or scores.shape[0] < 2:
        raise ValueError(
            f"scores of shape {tuple(scores.shape)} are no scores: "
            "they are (classes, *image), with at least background and one class"
        )
    return tuple(scores.shape[1:])


@dataclass(frozen=True)
class _Plane:
    """The scores, result and scratch arrays of one plane (or volume)."""

    scores: FixedAxes
    out: FixedAxes
    work: FixedAxes

    def label(self, settings: ObjectSettings, edges: Sequence[int], before: int) -> np.ndarray:
        """Write the objects, numbered from ``before`` + 1 on; return the class of each."""
        shape = self.out.shape
        components = Components(self.work, shape)
        for box in split(whole(shape), edges):
            components.add(box, foreground(self.scores[(slice(None), *box)], settings.threshold))
        labelling = RegionStore(self.work, shape, *components.regions())
        labelling.drop_small(settings.min_area)
        if settings.holes:
            fill_holes(labelling, settings.holes, edges)
        if settings.split:
            split_objects(labelling, settings.split, settings.min_area)
        kinds = labelling.regions.kind
        for box in split(whole(shape), edges):
            ids = self._grown(labelling, box) if settings.give_back else labelling.read(box)
            self.out[box] = np.where(ids > 0, ids + before, 0)
        return kinds[1:]

    def _grown(self, labelling: RegionStore, box: Box) -> np.ndarray:
        around = grow(box, MARGIN, labelling.shape)
        ids = labelling.read(around)
        best = best_class(self.scores[(slice(None), *around)])
        return give_back(ids, labelling.regions.kind, best)[inside(around, box)]


def best_class(scores: np.ndarray) -> np.ndarray:
    """Return the class of the highest score besides background, uint8."""
    if scores.shape[0] == 2:
        return np.ones(scores.shape[1:], np.uint8)
    return (1 + np.argmax(scores[1:], axis=0)).astype(np.uint8)


def foreground(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the best class where its score is above ``threshold`` of its sum with background.

    At 0.5 this is the class of the highest score of all; with two classes, the threshold is that
    of the score itself.
    """
    best = best_class(scores)
    score = scores[1] if scores.shape[0] == 2 else scores[1:].max(axis=0)
    return np.where(score * (1 - threshold) > scores[0] * threshold, best, 0).astype(np.uint8)
