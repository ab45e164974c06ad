"""Source: the whole image, its classes and its weights, from which every tile is cut.

What looks at the whole image (percentiles, background, distances between objects) is computed here
once for an annotation and kept as long as the annotation lives.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_unet.core.annotation import UNLABELLED, Annotation
from napari_unet.core.axes import canonical, canonical_labels
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.places import Places
from napari_unet.core.settings import TrainSettings
from napari_unet.core.weighing.separation import Falk, Paper
from napari_unet.core.weight_map import WeightMap

_KEPT: "WeakKeyDictionary[Annotation, dict[str, tuple[Hashable, Any]]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Source:
    """An annotation made ready to cut tiles of; its axes are those of C, T, Z, Y, X it has."""

    image: np.ndarray  # (C, *leading, *spatial) float32, normalised
    classes: np.ndarray  # (*leading, *spatial) uint8, background between touching objects
    weights: np.ndarray  # (*leading, *spatial) float32, 0 where unlabelled
    places: Places
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


def _kept(annotation: Annotation, what: str, key: Hashable, make: Callable[[], Any]) -> Any:
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
    found = contrast.apply(image, tuple(np.arange(n) for n in image.shape[1:]))
    return np.nan_to_num(found, copy=False, nan=0.0, posinf=1.0, neginf=0.0)


def _weighed(
    annotation: Annotation, formula: Paper | Falk, dims: int
) -> tuple[np.ndarray, np.ndarray, Places]:
    """Return the classes with background between touching objects, their weights and places."""
    classes = canonical_labels(annotation.classes, annotation.axes)
    weighed = WeightMap(
        canonical_labels(annotation.objects, annotation.axes),
        formula,
        unlabelled=classes == UNLABELLED,
        classes=classes,
        dims=dims,
    )
    return weighed.classes, weighed.weights(), Places(weighed.classes)
