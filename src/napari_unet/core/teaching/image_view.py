"""The image as the live network sees it: normalised, at the working size, read when needed.

Pixels that were read are kept in pieces up to a limit, so that a lazy image is read once and only
where a person paints or looks. The contrast is measured on the whole image where that is quick,
otherwise on boxes spread over it. ``AnnotationBox`` is a box in the axes of the annotation as the
caller gives it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.axes import check_axes, guess_axes
from napari_unet.core.arrays.boxes import Box, Pixels, PlaneIndex, box_in, cuts, shape_of
from napari_unet.core.normalisation import Contrast, Normalisation
from napari_unet.core.segmentation.image_reader import OrderedImage, Reader, as_pixels
from napari_unet.core.segmentation.tile_grid import Scale, TileGrid
from napari_unet.core.segmentation.tiling import Tile

WHOLE = 2**24  # pixels up to which the whole image is measured
BOXES = 64  # boxes that settle the percentiles of a larger one
EDGE = 256  # pixels along the edge of such a box
STRIDES = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)  # an even spread in 3-D


def measure(view: OrderedImage, normalisation: Normalisation) -> Contrast:
    """Measure an image; of one that is too large to be read, boxes spread evenly over it."""
    if np.prod(view.places) <= WHOLE:
        return normalisation.measure(view, view.axes)
    sample = np.concatenate([_flat(view, box) for box in _boxes(view.places)], axis=1)
    plain = Normalisation(normalisation.low, normalisation.high)
    return plain.measure(sample[:, None], "CYX")


def _boxes(places: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield boxes of one plane each, whose corners fill the image evenly."""
    leading, plane_shape = places[:-2], places[-2:]
    planes = int(np.prod(leading, dtype=int))
    for number in range(BOXES):
        along = [(0.5 + number * stride) % 1 for stride in STRIDES]
        plane = np.unravel_index(int(along[2] * planes), leading) if leading else ()
        corner = [
            int(share * max(n - EDGE, 0) / EDGE + 0.5) * EDGE
            for share, n in zip(along[:2], plane_shape, strict=True)
        ]
        inside = (slice(a, min(a + EDGE, n)) for a, n in zip(corner, plane_shape, strict=True))
        yield (*(slice(int(p), int(p) + 1) for p in plane), *inside)


def _flat(view: OrderedImage, box: tuple[slice, ...]) -> np.ndarray:
    """Return the pixels of ``box`` as (C, pixels)."""
    pixels, _ = view.read(box)
    return pixels.reshape(len(pixels), -1)


PIECE = 256  # pixels along the edge of a piece, at the working size
CELL = 64  # pixels along the edge of a cell, in which networks are tested
KEPT = 2**26  # numbers kept, all pieces together: 256 MB
DIMS = 2


class ImageView:
    """An image of ``axes`` for networks of two dimensions; ``factor`` is the working size."""

    def __init__(self, image: Pixels | ArrayLike, axes: str | None, factor: int = 1) -> None:
        image = as_pixels(image)
        letters = check_axes(axes or guess_axes(image.shape), image.shape)
        self.channels = int(image.shape[letters.index("C")]) if "C" in letters else 1
        self.view = OrderedImage.of(image, letters, self.channels, DIMS)
        self._contrasts: dict[Normalisation, Contrast] = {}
        self._normalisation = Normalisation()
        self._pieces: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()
        self._kept = 0
        self.resize(factor)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the annotation, axes T, Z, Y, X."""
        return self.view.places

    @property
    def working(self) -> tuple[int, int]:
        """The shape of a plane at the working size."""
        rows, columns = self.grid_shape
        return rows, columns

    def resize(self, factor: int) -> None:
        """Change the working size: ``factor`` pixels of the image are one of the network."""
        self.factor = factor
        self.grid_shape = tuple(-(-n // factor) for n in self.shape[-DIMS:])
        self._forget()

    def normalise(self, normalisation: Normalisation) -> None:
        """Change what the pixels are normalised to."""
        if normalisation != self._normalisation:
            self._normalisation = normalisation
            self._forget()

    @property
    def contrast(self) -> Contrast:
        """What was measured on the image, once."""
        if self._normalisation not in self._contrasts:
            self._contrasts[self._normalisation] = measure(self.view, self._normalisation)
        return self._contrasts[self._normalisation]

    def grid(self, depth: int) -> TileGrid:
        """Return where tiles of a network of this depth lie."""
        pairs = zip(self.shape[-DIMS:], self.grid_shape, strict=True)
        return TileGrid(depth, self.shape, tuple(Scale(*pair) for pair in pairs))

    def plane(self, plane: PlaneIndex) -> "PicturePlane":
        """Return the pixels of one plane, sliceable as (channels, rows, columns)."""
        return PicturePlane(self, plane)

    def piece(self, plane: PlaneIndex, row: int, column: int) -> np.ndarray:
        """Return one piece (C, rows, columns), read if it is not kept."""
        key = (plane, row, column)
        if key not in self._pieces:
            self._pieces[key] = self._read(plane, row, column)
            self._kept += self._pieces[key].size
            while self._kept > KEPT and len(self._pieces) > 1:
                self._kept -= self._pieces.popitem(last=False)[1].size
        self._pieces.move_to_end(key)
        return self._pieces[key]

    def _read(self, plane: PlaneIndex, *place: int) -> np.ndarray:
        spans = [
            slice(number * PIECE, min(number * PIECE + PIECE, length))
            for number, length in zip(place, self.grid_shape, strict=True)
        ]
        at = tuple(slice(index, index + 1) for index in plane)
        pixels = self._reader.read(Tile((*at, *spans), ()))
        return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=1.0, neginf=0.0)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.view, self.contrast, self.grid(1))

    def _forget(self) -> None:
        self._pieces.clear()
        self._kept = 0
        self.__dict__.pop("_reader", None)


@dataclass(frozen=True, eq=False)
class PicturePlane:
    """One plane of a picture, of which any box can be cut."""

    picture: ImageView
    place: PlaneIndex

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns at the working size."""
        return (self.picture.channels, *self.picture.working)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What is read: float32."""
        return np.dtype(np.float32)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        channels, rows, columns = box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        pixels = np.empty((self.picture.channels, height, width), np.float32)
        for y, into_y, from_y in cuts(rows, PIECE):
            for x, into_x, from_x in cuts(columns, PIECE):
                piece = self.picture.piece(self.place, y, x)
                pixels[:, into_y, into_x] = piece[:, from_y, from_x]
        return pixels[channels]


AnyBox = Sequence[slice | int]


@dataclass(frozen=True)
class AnnotationBox:
    """``box`` has the axes T, Z, Y, X in this order; ``given`` those of the caller."""

    box: Box
    order: tuple[int, ...]  # which canonical axis each axis of the caller is
    given: tuple[bool, ...]  # of each axis of the caller: a slice, not an index

    @classmethod
    def of(cls, box: AnyBox, shape: tuple[int, ...], order: tuple[int, ...]) -> "AnnotationBox":
        """Check ``box`` against annotations of the canonical ``shape``."""
        if len(box) != len(shape):
            raise ValueError(
                f"the box has {len(box)} entries and the annotation {len(shape)} axes: "
                "give a slice or an index for each"
            )
        full: list[slice] = [slice(0)] * len(shape)
        for part, axis in zip(box, order, strict=True):
            full[axis] = part if isinstance(part, slice) else slice(part, part + 1)
        region = box_in(shape, tuple(full))
        if min(shape_of(region)) < 1:
            raise ValueError(f"the box {box} holds no pixel of an annotation of {shape}")
        return cls(region, order, tuple(isinstance(part, slice) for part in box))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the caller gives and gets."""
        edges = shape_of(self.box)
        return tuple(edges[a] for a, kept in zip(self.order, self.given, strict=True) if kept)

    def full(self, labels: np.ndarray) -> np.ndarray:
        """Return what the caller gave, with all axes in canonical order."""
        if labels.shape != self.shape:
            raise ValueError(f"labels of shape {labels.shape} for a box of shape {self.shape}")
        edges = shape_of(self.box)
        every = labels.reshape([edges[axis] for axis in self.order])
        return every.transpose(np.argsort(self.order))

    def asked(self, values: np.ndarray) -> np.ndarray:
        """Return (…, *canonical) as the caller asked for it."""
        extra = values.ndim - len(self.order)
        turned = values.transpose(*range(extra), *(axis + extra for axis in self.order))
        return turned.reshape(*turned.shape[:extra], *self.shape)

    def planes(self) -> Iterator[tuple[PlaneIndex, PlaneIndex]]:
        """Yield the index of each plane in the image and in the box."""
        for inside in np.ndindex(shape_of(self.box)[:-2]):
            yield tuple(p.start + i for p, i in zip(self.box, inside, strict=False)), inside
