"""Which part of an image is segmented, in the axes of its labels, and where labels lie."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from napari.layers import Image, Shapes
from napari.viewer import Viewer
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.coordinates import (
    axes_of,
    labels_geometry,
    labels_shape,
    region_to_layer,
)
from napari_unet.widgets.layers.layers import displayed_slice, full_shape, view_centre
from napari_unet.widgets.layers.layers import visible_region as visible
from napari_unet.workflows.segment_request import Part

IMAGE, PLANE, VIEW, SHAPES, SELECTED, FOLDER = range(6)
TITLES = (
    "the whole image",
    "the plane on the screen",
    "what is in view",
    "a shapes region",
    "all selected images",
    "a folder of files",
)
OF_LAYERS = (IMAGE, PLANE, VIEW, SHAPES)
CORNERS = 48  # of the polygon that replaces an ellipse
AREAS = ("rectangle", "polygon", "ellipse")


def part_of(viewer: Viewer, image: Image, scope: int, shapes: Shapes | None, dims: int) -> Part:
    """Return the part of ``image`` that ``scope`` means for a network of ``dims`` dimensions."""
    near = _near(viewer, image)
    if scope == SHAPES:
        if shapes is None:
            raise ValueError("there is no shapes layer: draw a region in one, or choose another")
        return _in_shapes(viewer, image, shapes, dims, near)
    if scope == PLANE:
        return Part(_through(image, displayed_slice(viewer, image), dims), near=near)
    if scope == VIEW:
        region = _through(image, visible(viewer, image), dims)
        if any(part.stop <= part.start for part in region):
            raise ValueError(f"'{image.name}' is not in view: move it there, or choose all of it")
        return Part(region, near=near)
    return Part(near=near)


def has_planes(image: Image, dims: int) -> bool:
    """Whether ``image`` has several planes, or volumes, for a network of ``dims`` dimensions."""
    letters = _letters(image)
    shape = dict(zip(letters, _without_channels(image, full_shape(image)), strict=False))
    return any(shape.get(letter, 1) > 1 for letter in letters[: max(len(letters) - dims, 0)])


def _letters(image: Image) -> str:
    return axes_of(image)[: image.ndim].replace("C", "")


Along = TypeVar("Along", int, float, slice)  # a value for each axis


def _without_channels(image: Image, parts: Iterable[Along]) -> tuple[Along, ...]:
    letters = axes_of(image)[: image.ndim]
    return tuple(part for part, letter in zip(parts, letters, strict=True) if letter != "C")


def _near(viewer: Viewer, image: Image) -> tuple[float, ...]:
    return tuple(float(place) for place in _without_channels(image, view_centre(viewer, image)))


def _through(image: Image, region: Box, dims: int) -> Box:
    """Drop channels; for a network of volumes, take all planes."""
    parts = list(_without_channels(image, region))
    letters, shape = _letters(image), _without_channels(image, full_shape(image))
    if dims == 3 and "Z" in letters:
        parts[letters.index("Z")] = slice(0, shape[letters.index("Z")])
    return tuple(parts)


def _in_shapes(
    viewer: Viewer, image: Image, shapes: Shapes, dims: int, near: tuple[float, ...]
) -> Part:
    """Return the box around the shapes that are selected (all if none is), and what is inside."""
    from skimage.draw import polygon  # here, because importing it would delay opening a dock

    plane = _through(image, displayed_slice(viewer, image), dims)
    edges = _without_channels(image, full_shape(image))
    inside = np.zeros([part.stop - part.start for part in plane], bool)
    flat = [axis for axis, part in enumerate(plane) if part.stop - part.start > 1][-2:]
    for corners in outlines(shapes):
        places = np.array([_place(viewer, image, shapes, corner) for corner in corners])
        rows, columns = places[:, flat[0]], places[:, flat[1]]
        mask = polygon(rows, columns, (edges[flat[0]], edges[flat[1]]))
        index: list[Any] = [slice(None)] * inside.ndim
        index[flat[0]], index[flat[1]] = mask
        inside[tuple(index)] = True
    if not inside.any():
        raise ValueError(
            f"'{shapes.name}' has no area on '{image.name}': draw a rectangle, ellipse or polygon"
        )
    box = _bounds(inside)
    region = tuple(
        slice(part.start + at.start, part.start + at.stop)
        for part, at in zip(plane, box, strict=True)
    )
    return Part(region, np.ascontiguousarray(inside[box]), near)


def outlines(shapes: Shapes) -> list[np.ndarray]:
    """Return the corners (n, D) of the shapes with an area, those selected or else all."""
    chosen = sorted(shapes.selected_data) or range(len(shapes.data))
    lines = []
    for number in chosen:
        kind, corners = shapes.shape_type[number], np.asarray(shapes.data[number], float)
        if kind in AREAS:
            lines.append(_ellipse(corners) if kind == "ellipse" else corners)
    return lines


def _ellipse(box: np.ndarray) -> np.ndarray:
    """Return points on the ellipse inside the four corners of ``box``."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    first, second = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return box.mean(axis=0) + np.cos(angle) * first + np.sin(angle) * second


def _place(viewer: Viewer, image: Image, shapes: Shapes, corner: np.ndarray) -> tuple[float, ...]:
    """Return where a corner lies in the labels of ``image``; layers end with the same axes."""
    world = np.array(viewer.dims.point, float)
    at = np.asarray(shapes.data_to_world(corner), float)
    world[len(world) - len(at) :] = at
    return _without_channels(image, image.world_to_data(world[len(world) - image.ndim :]))


def _bounds(inside: np.ndarray) -> Box:
    bounds = []
    for axis in range(inside.ndim):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        bounds.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(bounds)


@dataclass(frozen=True, eq=False)
class LayerGeometry:
    """The shape and geometry of a labels layer; kept, because an image may be replaced."""

    shape: tuple[int, ...]  # of the data of the layer
    geometry: dict[str, Any]
    spread: int | None  # the axis that spans all channels, which labels do not have

    @classmethod
    def of(cls, image: Image) -> "LayerGeometry":
        """Return the place of the labels of ``image``."""
        shape, geometry = labels_shape(image), labels_geometry(image)
        letters = axes_of(image)[: image.ndim].replace("C", "")
        probe = tuple(slice(place + 1, place + 2) for place in range(len(letters)))
        whole = region_to_layer(image, probe)
        spread = next((n for n, part in enumerate(whole) if part == slice(0, 1)), None)
        return cls(shape, geometry, spread)

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """The shape of the labels of ``core``."""
        return tuple(edge for axis, edge in enumerate(self.shape) if axis != self.spread)

    def region(self, region: Box) -> Box:
        """Return a region of labels of ``core`` as one of the data of the layer."""
        parts = iter(region)
        return tuple(
            slice(0, 1) if axis == self.spread else next(parts) for axis in range(len(self.shape))
        )

    def block(self, labels: np.ndarray) -> np.ndarray:
        """Return labels of ``core`` with the axes of the layer."""
        return labels if self.spread is None else np.expand_dims(labels, self.spread)

    def flat(self, data: ArrayLike) -> np.ndarray:
        """Return data of the layer as labels of ``core``."""
        return np.asarray(data).reshape(self.labels_shape)
