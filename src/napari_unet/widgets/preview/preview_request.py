"""Computes a preview of an annotated image in the compute thread, with its facts and remarks.

If the weight map of an image takes longer than a move of a slider, only the part in view is used,
and the dock says so.
"""

from dataclasses import dataclass
from math import isqrt, prod
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.core import text
from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.arrays.axes import ImagePixels, spatial_axes
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.coordinates import (
    axes_of,
    from_layer,
    labels_shape,
    pixels_of,
    region_to_layer,
)
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.layers.layers import full_shape, view_centre

LARGEST = 2048**2  # pixels whose weight map is computed fast enough for a slider
DEEPEST = 64  # planes that are previewed of a volume that is too large
STEP = 256  # px that the view moves before another part is previewed

_KEPT: "WeakKeyDictionary[PreviewInput, Annotation]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class PreviewInput:
    """An image and a copy of its labels; frozen, because it crosses threads."""

    name: str  # the name of the image
    pixels: ImagePixels
    region: Box  # of the axes of the image without C: what of it is previewed
    whole: bool
    labels: np.ndarray  # a copy of the region, read-only
    zero: str
    ids: str

    def annotation(self) -> Annotation:
        """Return the annotation, made at the first call. Compute thread only."""
        if self not in _KEPT:
            parts = iter(self.region)
            index = tuple(slice(None) if a == "C" else next(parts) for a in self.pixels.axes)
            data = self.pixels.data if self.whole else np.asarray(self.pixels.data[index])
            _KEPT[self] = Annotation(
                data, self.labels, axes=self.pixels.axes, zero=self.zero, ids=self.ids
            )
        return _KEPT[self]

    def same(self, other: "PreviewInput") -> bool:
        """Whether both have the same pixels, labels and settings."""
        settings = (self.zero, self.ids, self.region, self.name, self.pixels.axes)
        return (
            self.pixels.data is other.pixels.data
            and settings == (other.zero, other.ids, other.region, other.name, other.pixels.axes)
            and np.array_equal(self.labels, other.labels)
        )

    def size(self) -> str:
        """Return the edges of the region in words."""
        edges = [part.stop - part.start for part in self.region]
        return text.size([edge for edge in edges if edge > 1])


def input_of(viewer: Viewer, image: Image, labels: Labels, dims: int) -> PreviewInput:
    """Return ``image`` with a copy of its labels; ValueError if the two do not fit."""
    pixels, code = pixels_of(image), code_of(labels)
    region = region_of(viewer, image, dims)
    if full_shape(labels) != labels_shape(image):
        from_layer(image, labels)  # says what does not fit
    data = labels.data[0] if labels.multiscale else labels.data
    copied = np.array(data[region_to_layer(image, region)])
    copied = copied.reshape([part.stop - part.start for part in region])
    copied.setflags(write=False)
    whole = copied.size == prod(full_shape(labels))
    return PreviewInput(image.name, pixels, region, whole, copied, code.zero, code.ids)


def region_of(viewer: Viewer, image: Image, dims: int) -> Box:
    """Return the region of ``image`` to preview: all of it, or a part around the view."""
    letters = axes_of(image)
    edges = {a: n for a, n in zip(letters, _shape(image), strict=True) if a != "C"}
    centre = dict(zip(letters[: image.ndim], view_centre(viewer, image), strict=True))
    if prod(edges.values()) <= LARGEST:
        return tuple(slice(0, n) for n in edges.values())
    tile = "ZYX"[-dims:]
    most = _most(edges, tile)
    return tuple(_around(centre[a], edges[a], most.get(a, 1)) for a in spatial_axes(letters))


def _most(edges: dict[str, int], tile: str) -> dict[str, int]:
    """Return the largest edge of the region along each axis of a tile."""
    if prod(edges.get(a, 1) for a in tile) <= LARGEST:
        return {a: edges.get(a, 1) for a in tile}
    planes = min(edges.get("Z", 1), DEEPEST) if "Z" in tile else 1
    edge = isqrt(LARGEST // planes)
    return {"Z": planes, "Y": edge, "X": edge} if "Z" in tile else {"Y": edge, "X": edge}


def _around(centre: float, edge: int, most: int) -> slice:
    """Return at most ``most`` pixels around ``centre``, the same ones for a small move."""
    if most > 1:
        centre = round(centre / STEP) * STEP
    start = int(np.clip(round(centre) - most // 2, 0, max(edge - most, 0)))
    return slice(start, min(start + most, edge))


def _shape(image: Image) -> tuple[int, ...]:
    shape = full_shape(image)
    data = image.data[0] if image.multiscale else image.data
    return (*shape, int(data.shape[-1])) if image.rgb else shape


VIEWS = ("deformation", "weights", "sample")


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """What is to be drawn; frozen, because it crosses threads."""

    view: str
    source: PreviewInput
    settings: TrainSettings
    seed: int


@dataclass(frozen=True, eq=False)
class PreviewResult:
    """What was drawn: a TilePreview or a WeightPreview of core."""

    request: PreviewRequest
    preview: Any


def answer(request: PreviewRequest) -> PreviewResult:
    """Compute the preview. Compute thread only."""
    from napari_unet.core.sampling.sample import preview_tile, preview_weights

    annotation = request.source.annotation()
    if request.view == "weights":
        return PreviewResult(request, preview_weights(annotation, request.settings))
    return PreviewResult(request, preview_tile(annotation, request.settings, request.seed))


def facts(result: PreviewResult) -> str:
    """Return a sentence with the figures of a preview."""
    preview = result.preview
    if result.request.view == "weights":
        return f"Weights {preview.low:.3g} to {preview.high:.3g}; 0 where unlabelled."
    plane = _plane(result)
    if result.request.view == "sample":
        edges = preview.sample.image.shape[1:]
        inner = preview.sample.classes.shape
        seen, answered = text.size(edges), text.size(inner)
        return f"The network sees {seen} px and answers for the inner {answered} px.{plane}"
    if not preview.folded.pixels:
        return f"Nothing is folded. The grid lines are {preview.mesh} px of the image apart.{plane}"
    return (
        f"⚠ {preview.folded.pixels} px ({preview.folded.share:.1%}) are folded over themselves, "
        "outlined in red: take less strength or fewer nodes."
    )


def remarks(result: PreviewResult) -> str:
    """Return warnings about a preview; empty if there are none."""
    source, sentences = result.request.source, []
    if len(result.preview.painted) == 1:
        only = "background" if result.preview.painted == (0,) else "one class"
        sentences.append(
            f"⚠ Only {only} is painted: a network needs two classes, paint another one."
        )
    if not source.whole:
        sentences.append(
            f"'{source.name}' is too large to follow a slider: shown from the {source.size()} px "
            "around the middle of the view, whose contrast and class balance are used."
        )
    return " ".join(sentences)


def size_of(result: PreviewResult) -> tuple[int, ...]:
    """Return the shape of what is shown."""
    sample = getattr(result.preview, "sample", None)
    return sample.image.shape if sample is not None else result.preview.values.shape


def _plane(result: PreviewResult) -> str:
    """Return the plane of the stack that the tile is from, counted from 0 as in napari."""
    letters = spatial_axes(result.request.source.pixels.axes)
    starts = {a: part.start for a, part in zip(letters, result.request.source.region, strict=True)}
    leading = [a for a in "TZYX" if a in letters]
    places = zip(leading, result.preview.sample.place.plane, strict=False)
    indices = [f"{letter.lower()} {starts[letter] + index}" for letter, index in places]
    return f" Cut from {', '.join(indices)}." if indices else ""
