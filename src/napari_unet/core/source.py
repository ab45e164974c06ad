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
from napari_unet.core.weight_map import falk_weight_map, open_ridge, weight_map

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
        spatial = canonical_labels(annotation.classes, annotation.axes)
        _check(annotation, settings.dims)
        normalisation = Normalisation(settings.low, settings.high, settings.flatten)
        image = _kept(
            annotation, "image", normalisation, lambda: _normalised(annotation, normalisation)
        )
        dims = settings.dims
        classes, places = _kept(
            annotation, "classes", dims, lambda: _opened(annotation, spatial, dims)
        )
        key = (dims, settings.weighting, settings.w0, settings.sigma, settings.balance)
        weights = _kept(annotation, "weights", key, lambda: _weights(annotation, settings))
        return cls(image, classes, weights, places, dims)


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


def _objects(annotation: Annotation) -> np.ndarray:
    return canonical_labels(annotation.objects, annotation.axes)


def _planes(array: np.ndarray, dims: int) -> np.ndarray:
    """Return (planes, *spatial): a 2-D network sees the planes of a stack one by one."""
    return array.reshape(-1, *array.shape[-dims:])


def _opened(annotation: Annotation, classes: np.ndarray, dims: int) -> tuple[np.ndarray, Places]:
    """Return the classes with background where touching objects were set apart."""
    found = np.ascontiguousarray(classes)
    planes = zip(_planes(found, dims), _planes(_objects(annotation), dims), strict=True)
    opened = np.stack([np.where((o > 0) & (open_ridge(o) == 0), 0, c) for c, o in planes])
    opened = opened.astype(np.uint8).reshape(found.shape)
    return opened, Places(opened)


def _weights(annotation: Annotation, settings: TrainSettings) -> np.ndarray:
    """Weigh every plane, or the volume, as the settings say."""
    dims = settings.dims
    classes = canonical_labels(annotation.classes, annotation.axes)
    found = np.empty(classes.shape, np.float32)
    planes = zip(_planes(classes, dims), _planes(_objects(annotation), dims), strict=True)
    for place, (c, o) in enumerate(planes):
        _planes(found, dims)[place] = _weigh(o, c, settings)
    return found


def _weigh(objects: np.ndarray, classes: np.ndarray, settings: TrainSettings) -> np.ndarray:
    unlabelled = classes == UNLABELLED
    known = np.where(unlabelled, 0, classes).astype(np.uint8)
    if settings.weighting == "falk":
        return falk_weight_map(
            objects, factor=settings.w0, sigma2=settings.sigma, unlabelled=unlabelled, classes=known
        )
    return weight_map(
        objects,
        w0=settings.w0,
        sigma=settings.sigma,
        balance=settings.balance,
        unlabelled=unlabelled,
        classes=known,
    )
