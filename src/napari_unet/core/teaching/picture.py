"""Picture: the image as the network sees it: normalised, at the working size, read when needed.

What was read is kept in pieces up to a limit, so that a lazy image is read once and only where
somebody paints or looks.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from napari_unet.core.axes import check_axes, guess_axes
from napari_unet.core.normalisation import Contrast, Normalisation
from napari_unet.core.segmenting.canonical import CanonicalImage
from napari_unet.core.segmenting.grid import Grid
from napari_unet.core.segmenting.reading import Reader
from napari_unet.core.segmenting.resampling import Scale
from napari_unet.core.teaching.contrast import measure
from napari_unet.core.teaching.strokes import Plane
from napari_unet.core.tiling import Tile

PIECE = 256  # pixels along the edge of a piece, at the working size
KEPT = 2**26  # numbers kept, all pieces together: 256 MB
DIMS = 2


class Picture:
    """An image of ``axes`` for networks of two dimensions; ``factor`` is the working size."""

    def __init__(self, image: Any, axes: str | None, factor: int = 1) -> None:
        if not isinstance(getattr(image, "dtype", None), np.dtype):
            image = np.asarray(image)
        found = check_axes(axes or guess_axes(image.shape), image.shape)
        self.channels = int(image.shape[found.index("C")]) if "C" in found else 1
        self.view = CanonicalImage.of(image, found, self.channels, DIMS)
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

    def grid(self, depth: int) -> Grid:
        """Return where tiles of a network of this depth lie."""
        pairs = zip(self.shape[-DIMS:], self.grid_shape, strict=True)
        return Grid(depth, self.shape, tuple(Scale(*pair) for pair in pairs))

    def plane(self, plane: Plane) -> "PicturePlane":
        """Return the pixels of one plane, sliceable as (channels, rows, columns)."""
        return PicturePlane(self, plane)

    def piece(self, plane: Plane, row: int, column: int) -> np.ndarray:
        """Return one piece (C, rows, columns), read if it is not kept."""
        key = (plane, row, column)
        if key not in self._pieces:
            self._pieces[key] = self._read(plane, row, column)
            self._kept += self._pieces[key].size
            while self._kept > KEPT and len(self._pieces) > 1:
                self._kept -= self._pieces.popitem(last=False)[1].size
        self._pieces.move_to_end(key)
        return self._pieces[key]

    def _read(self, plane: Plane, *place: int) -> np.ndarray:
        spans = [
            slice(number * PIECE, min(number * PIECE + PIECE, length))
            for number, length in zip(place, self.grid_shape, strict=True)
        ]
        at = tuple(slice(index, index + 1) for index in plane)
        found = self._reader.read(Tile((*at, *spans), ()))
        return np.nan_to_num(found, copy=False, nan=0.0, posinf=1.0, neginf=0.0)

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

    picture: Picture
    place: Plane

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
        found = np.empty((self.picture.channels, height, width), np.float32)
        for y in range(rows.start // PIECE, -(-rows.stop // PIECE)):
            for x in range(columns.start // PIECE, -(-columns.stop // PIECE)):
                piece = self.picture.piece(self.place, y, x)
                into_y, from_y = _shared(rows, y)
                into_x, from_x = _shared(columns, x)
                found[:, into_y, into_x] = piece[:, from_y, from_x]
        return found[channels]


def _shared(part: slice, number: int) -> tuple[slice, slice]:
    """Return where piece ``number`` and a box meet, counted from the box and from the piece."""
    origin = number * PIECE
    start, stop = max(part.start, origin), min(part.stop, origin + PIECE)
    return slice(start - part.start, stop - part.start), slice(start - origin, stop - origin)
