"""Source: the whole image, its classes and its weights, from which every tile is cut.

What depends on the whole image (percentiles, background, distances between objects) is computed
once for an annotation and kept as long as the annotation lives. Of the labelled pixels only the
number in each row is kept, so that a pixel can be drawn from an image of any size without a list of
all its pixels.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import canonical, canonical_labels
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.weights.formulas import Falk, Paper
from napari_unet.core.weights.weight_map import WeightMap

RARE = 0.5  # share of draws in which every class comes up as often, however few pixels it has


class LabelledPixels:
    """The labelled pixels of ``classes`` (uint8; 255 is unlabelled)."""

    def __init__(self, classes: np.ndarray) -> None:
        self._classes = classes
        rows = classes.reshape(-1, classes.shape[-1])
        present = np.flatnonzero(np.bincount(classes.ravel(), minlength=256))
        self.present = present[present != UNLABELLED]
        self._in_row = np.array([(rows == label).sum(axis=1) for label in self.present])
        self.counts = self._in_row.sum(axis=1) if len(self.present) else np.zeros(0, int)

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Draw a labelled pixel: any, or in half of the draws one of a class drawn first."""
        if not len(self.present):
            raise ValueError("nothing is labelled: paint at least one pixel of two classes")
        shares = self.counts / self.counts.sum()
        every = 1 / len(self.present)
        kind = int(rng.choice(len(self.present), p=RARE * every + (1 - RARE) * shares))
        return self._pixel(kind, int(rng.integers(self.counts[kind])))

    def _pixel(self, kind: int, number: int) -> tuple[int, ...]:
        """Return the place of the pixel with this ``number`` in scan order among its class."""
        ends = np.cumsum(self._in_row[kind])
        row = int(np.searchsorted(ends, number, side="right"))
        before = ends[row] - self._in_row[kind][row]
        line = np.unravel_index(row, self._classes.shape[:-1])
        column = np.flatnonzero(self._classes[line] == self.present[kind])[number - before]
        return (*(int(index) for index in line), int(column))


_KEPT: "WeakKeyDictionary[Annotation, dict[str, tuple[Hashable, Any]]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Source:
    """An annotation made ready to cut tiles of; its axes are those of C, T, Z, Y, X it has."""

    image: np.ndarray  # (C, *leading, *spatial) float32, normalised
    classes: np.ndarray  # (*leading, *spatial) uint8, background between touching objects
    weights: np.ndarray  # (*leading, *spatial) float32, 0 where unlabelled
    places: LabelledPixels
    dims: int

    @classmethod
    def of(cls, annotation: Annotation, settings: TrainSettings) -> "Source":
        """Return the source of ``annotation``; what the settings leave unchanged is kept."""
        _check(annotation, settings.dims)
        normalisation = Normalisation(settings.low, settings.high, settings.flatten)
        formula = _formula(settings)
        dims = settings.dims
        image = _kept(
            annotation, "image", normalisation, lambda: _normalised(annotation, normalisation)
        )
        weighed = _kept(
            annotation, "weights", (dims, formula), lambda: _weighed(annotation, formula, dims)
        )
        classes, weights, places = weighed
        return cls(image, classes, weights, places, dims)


def _formula(settings: TrainSettings) -> Paper | Falk:
    if settings.weighting == "falk":
        return Falk(settings.v, settings.sigma1, settings.w0, settings.sigma)
    return Paper(settings.w0, settings.sigma, settings.balance)


Made = TypeVar("Made")


def _kept(annotation: Annotation, what: str, key: Hashable, make: Callable[[], Made]) -> Made:
    """Return what was made last for ``annotation`` if it was made from the same ``key``."""
    shelf = _KEPT.setdefault(annotation, {})
    if what not in shelf or shelf[what][0] != key:
        shelf[what] = (key, make())
    return shelf[what][1]


def _check(annotation: Annotation, dims: int) -> None:
    if dims == 3 and "Z" not in annotation.axes:
        raise ValueError(
            f"a 3-D network needs a Z axis and the axes of the image are '{annotation.axes}': "
            "name them with axes=, or train a 2-D network"
        )


def _normalised(annotation: Annotation, normalisation: Normalisation) -> np.ndarray:
    contrast = normalisation.measure(annotation.image, annotation.axes)
    image = canonical(annotation.image, annotation.axes)
    pixels = contrast.apply(image, tuple(np.arange(n) for n in image.shape[1:]))
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=1.0, neginf=0.0)


def _weighed(
    annotation: Annotation, formula: Paper | Falk, dims: int
) -> tuple[np.ndarray, np.ndarray, LabelledPixels]:
    """Return the classes with background between touching objects, their weights and places."""
    classes = canonical_labels(annotation.classes, annotation.axes)
    weighed = WeightMap(
        canonical_labels(annotation.objects, annotation.axes),
        formula,
        unlabelled=classes == UNLABELLED,
        classes=classes,
        dims=dims,
    )
    return weighed.classes, weighed.weights(), LabelledPixels(weighed.classes)
