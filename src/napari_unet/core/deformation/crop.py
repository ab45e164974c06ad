"""Cut a deformed tile out of an image of any size; the pixels are read and interpolated once.

The box of pixels around the tile is read and mirrored at the edges of the image. The compiled loops
therefore meet no edge, no other type of number and no image larger than memory.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from napari_unet.core.arrays.boxes import Pixels, read_mirrored
from napari_unet.core.deformation import resample
from napari_unet.core.deformation.geometry import Geometry
from napari_unet.core.deformation.spline import REACH, spline_coefficients

ORDERS = (1, 3)


def cut(geometry: Geometry, source: Pixels, centre: ArrayLike, order: int) -> np.ndarray:
    """Return the interpolated tile (…, *shape) of ``source``, float32."""
    if order not in ORDERS:
        raise ValueError(f"order is {order}: choose 1 (linear) or 3 (cubic), labels are cut apart")
    if np.dtype(source.dtype).kind not in "biuf":
        raise TypeError(f"an image of {source.dtype} cannot be interpolated: give real numbers")
    path, first, last = geometry.at(check_centre(centre, geometry.shape))
    margin = 1 + REACH if order == 3 else 0
    box = read_mirrored(source, places_of(source, geometry.shape, first - margin, last + margin))
    pixels = _volumes(_plain(box, np.float32), geometry.shape)
    tile, loop = np.empty((len(pixels), *_volume(geometry.shape)), np.float32), resample.linear
    if order == 3:
        pixels, loop = spline_coefficients(pixels, len(geometry.shape)), resample.cubic
    loop(path, pixels, tile)
    return tile.reshape(*box.shape[: -len(geometry.shape)], *geometry.shape)


def cut_labels(
    geometry: Geometry, source: Pixels, centre: ArrayLike, outside: int | None
) -> np.ndarray:
    """Return the tile (…, *shape) of the nearest labels, of the type of ``source``."""
    check_labels(source.dtype, outside)
    path, first, last = geometry.at(check_centre(centre, geometry.shape))
    places = places_of(source, geometry.shape, first, last)
    box = read_mirrored(source, places) if outside is None else _framed(source, places, outside)
    bits = np.dtype(f"u{box.dtype.itemsize}")  # whatever the type, bits are moved and not read
    labels = _plain(box, box.dtype.newbyteorder("="))
    tile = np.empty((*box.shape[: -len(geometry.shape)], *geometry.shape), labels.dtype)
    pixels = _volumes(labels.view(bits), geometry.shape)
    corner = path._replace(origin=path.origin + 0.5)
    resample.nearest(corner, pixels, _volumes(tile.view(bits), geometry.shape))
    return tile


def check_centre(centre: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return the centre as an array, or say what is wrong with it."""
    place = np.asarray(centre, np.float64)
    if place.shape != (len(shape),) or not np.isfinite(place).all():
        raise ValueError(
            f"centre is {centre!r}: give {len(shape)} finite numbers, one for each axis of the tile"
        )
    return place


def check_labels(dtype: DTypeLike, outside: int | None) -> None:
    """Refuse labels that are not whole numbers, and a value of ``outside`` they cannot hold."""
    kind = np.dtype(dtype)
    if kind.kind not in "biu":
        raise TypeError(f"labels of {kind} are not whole numbers: use cut() to cut an image")
    if outside is None:
        return
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    if not low <= outside <= high:
        raise ValueError(f"outside is {outside}: labels of {kind} hold {low} to {high}")


def places_of(
    source: Pixels, shape: tuple[int, ...], first: np.ndarray, last: np.ndarray
) -> list[slice]:
    """Return the box from ``first`` to ``last``, both included, and all of the leading axes."""
    leading = len(source.shape) - len(shape)
    if leading < 0 or min(source.shape) < 1:
        raise ValueError(
            f"a tile of shape {shape} cannot be cut out of an image of shape "
            f"{tuple(source.shape)}: it needs at least {len(shape)} axes and a pixel on each"
        )
    box = [slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]
    return [slice(0, size) for size in source.shape[:leading]] + box


def _plain(box: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return the box as the loops were compiled for it; it is copied only if need be."""
    return np.require(box, dtype, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def _framed(source: Pixels, places: list[slice], outside: int) -> np.ndarray:
    """Read a box that has ``outside`` beyond the edges of ``source``."""
    box = np.full([p.stop - p.start for p in places], outside, source.dtype)
    inner = [
        slice(min(max(p.start, 0), n), min(max(p.stop, 0), n))
        for p, n in zip(places, source.shape, strict=True)
    ]
    into = tuple(
        slice(i.start - p.start, i.stop - p.start) for i, p in zip(inner, places, strict=True)
    )
    if all(i.stop > i.start for i in inner):
        box[into] = np.asarray(source[tuple(inner)])
    return box


def _volume(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (3 - len(shape)) + shape


def _volumes(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return (leading, z, y, x): leading axes in one, a plane as a volume of one plane."""
    return box.reshape(-1, *_volume(box.shape[-len(shape) :]))
