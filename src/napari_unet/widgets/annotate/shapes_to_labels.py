"""Conversion: points become discs and outlines become fully labelled regions of an annotation.

Everything is written as one entry of the undo history, and never over an object that is painted.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Labels, Points, Shapes

from napari_unet.core.annotation.drawing import discs, ellipse, within
from napari_unet.widgets.layers.label_classes import code_of, value_of
from napari_unet.widgets.layers.layers import full_shape

REGIONS = ("polygon", "rectangle", "ellipse")
FLAT = 0.5  # px: an outline that stays as near to a plane lies in it


class PaintedPixels(NamedTuple):
    """Pixels of a layer and what they become; plain arrays, which may cross threads."""

    places: np.ndarray  # (n, axes)
    values: np.ndarray  # (n,)


class Disc(NamedTuple):
    """What discs are made of: points in the data of the labels, and sizes in pixels."""

    shape: tuple[int, ...]
    points: np.ndarray  # (n, axes)
    radius: float
    ring: float
    value: int
    step: int  # from the value of a disc to that of the next: 1 where each is an object


def points_in(labels: Labels, points: Points, viewer: Any) -> np.ndarray:
    """Return ``points`` as pixels of ``labels``; what has fewer axes lies in the shown plane."""
    return _into(labels, points, np.asarray(points.data, float), viewer)


def disc_of(
    labels: Labels, points: np.ndarray, sizes: tuple[float, float], number: int, free: int
) -> Disc:
    """Return the wish for discs of class ``number``; where ids are objects from ``free`` on."""
    instances = code_of(labels).instances
    value = max(free, value_of(labels, 1)) if instances else value_of(labels, number)
    return Disc(full_shape(labels), points, *sizes, value, int(instances))


def draw_discs(wish: Disc) -> tuple[PaintedPixels, np.ndarray]:
    """Return the pixels of the discs, and the places of the rings (n, axes); any thread."""
    places, values, rings = [], [], []
    shape = wish.shape
    for plane, chosen in _planes(np.rint(wish.points[:, :-2]).astype(int)):
        if not all(0 <= i < edge for i, edge in zip(plane, shape[:-2], strict=True)):
            continue
        found = discs((shape[-2], shape[-1]), wish.points[chosen, -2:], wish.radius, wish.ring)
        places.append(_in_plane(plane, found.pixels))
        values.append(wish.value + wish.step * chosen[found.owners])
        rings.append(_in_plane(plane, found.ring))
    nothing = np.zeros((0, len(shape)), np.int64)
    joined = np.concatenate([nothing, *places])
    return PaintedPixels(joined, np.concatenate([[], *values])), np.concatenate([nothing, *rings])


def write_discs(labels: Labels, pixels: PaintedPixels, rings: np.ndarray) -> int:
    """Paint discs, and take the background from their rings; return how many pixels changed.

    Painted objects stay as they are. Without a value for unlabelled there are no rings.
    """
    background = code_of(labels).background
    changed = 0
    _check_room(labels, pixels.values)
    with labels.block_history():
        if background:
            changed += _write(labels, rings, np.zeros(len(rings)), (background,))
        changed += _write(labels, pixels.places, pixels.values, tuple({0, background}))
    return changed


def outlines_in(labels: Labels, shapes: Shapes, viewer: Any) -> list[np.ndarray]:
    """Return the closed shapes as corners (n, axes) in pixels of ``labels``; lines are left out."""
    kinds = zip(shapes.data, shapes.shape_type, strict=True)
    corners = [
        ellipse(np.asarray(data, float)) if kind == "ellipse" else np.asarray(data, float)
        for data, kind in kinds
        if kind in REGIONS
    ]
    return [_into(labels, shapes, outline, viewer) for outline in corners]


def fill_outlines(labels: Labels, outlines: list[np.ndarray]) -> int:
    """Let what is unlabelled inside ``outlines`` be background; return how many pixels changed."""
    places = [_inside(full_shape(labels), outline) for outline in outlines]
    joined = np.unique(np.concatenate([np.zeros((0, labels.ndim), np.int64), *places]), axis=0)
    with labels.block_history():
        return _write(labels, joined, np.full(len(joined), value_of(labels, 0)), (0,))


def _into(labels: Labels, layer: Any, coordinates: np.ndarray, viewer: Any) -> np.ndarray:
    """Return coordinates of the data of ``layer`` in the data of ``labels``."""
    world = np.array([layer.data_to_world(row) for row in coordinates]).reshape(-1, layer.ndim)
    missing = labels.ndim - world.shape[1]
    if missing > 0:
        shown = np.asarray(viewer.dims.point, float)[-labels.ndim :]
        world = np.hstack([np.broadcast_to(shown[:missing], (len(world), missing)), world])
    found = [labels.world_to_data(row[-labels.ndim :]) for row in world]
    return np.array(found, float).reshape(-1, labels.ndim)


def _planes(rest: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield each plane with the points in it; ``rest`` are the coordinates but the last two."""
    for plane in np.unique(rest, axis=0):
        yield tuple(int(i) for i in plane), np.flatnonzero((rest == plane).all(axis=1))


def _in_plane(plane: tuple[int, ...], pixels: np.ndarray) -> np.ndarray:
    return np.hstack([np.broadcast_to(plane, (len(pixels), len(plane))), pixels]).astype(np.int64)


def _inside(shape: tuple[int, ...], outline: np.ndarray) -> np.ndarray:
    """Return the pixels in an outline, which lies in a plane along two axes."""
    spread = np.ptp(outline, axis=0)
    across = np.sort(np.argsort(spread, kind="stable")[-2:])
    flat = np.setdiff1d(np.arange(len(shape)), across)
    if (spread[flat] > FLAT).any():
        raise ValueError(
            "an outline that is not in one plane encloses no pixels: draw it in a single plane"
        )
    held = np.rint(outline[0, flat]).astype(int)
    if any(not 0 <= i < shape[axis] for i, axis in zip(held, flat, strict=True)):
        return np.zeros((0, len(shape)), np.int64)
    pixels = within((shape[across[0]], shape[across[1]]), outline[:, across])
    found = np.zeros((len(pixels), len(shape)), np.int64)
    found[:, across], found[:, flat] = pixels, held
    return found


def _write(labels: Labels, places: np.ndarray, values: np.ndarray, over: tuple[int, ...]) -> int:
    """Write ``values`` where the layer has one of the values ``over``."""
    if not len(places):
        return 0
    indices = tuple(places.T)
    before = np.asarray(labels.data[indices])
    chosen = np.isin(before, over) & (before != values)
    if chosen.any():
        labels.data_setitem(
            tuple(axis[chosen] for axis in indices), values[chosen].astype(before.dtype)
        )
    return int(chosen.sum())


def _check_room(labels: Labels, values: np.ndarray) -> None:
    """Refuse values that the layer cannot hold, before anything is written."""
    limit, wanted = np.iinfo(labels.dtype).max, int(values.max(initial=0))
    if wanted > limit:
        raise ValueError(
            f"the largest value of '{labels.name}' is {limit} and {wanted} is needed: make a new "
            "annotation layer for objects (New ▸ for objects)"
        )
