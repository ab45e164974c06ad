"""FilterBank: what a pixel looks like from near and from far, at five scales.

Gray values, slopes, bends and how these vary around: what a classifier of single pixels needs to
tell classes apart before a network has learned anything. Only what is painted or looked at is
filtered, piece by piece, and kept up to a limit.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_unet.core.arrays.boxes import read_mirrored
from napari_unet.core.teaching.image_view import PIECE, ImageView
from napari_unet.core.teaching.stroke_map import cuts
from napari_unet.core.teaching.strokes import PlaneIndex

SCALES = (0.7, 1.4, 2.8, 5.0, 10.0)  # sd in pixels
AROUND = 5.0  # sd, at most, of the surroundings in which slopes are compared
TRUNCATED = 3.0  # sd at which the Gaussians end
REACH = 48  # pixels around a piece that its filters look at
EACH = 6  # filters of a channel and scale
KEPT = 2**26  # numbers kept, all pieces together: 256 MB


class FilterBank:
    """The filtered pixels of a picture at its working size."""

    def __init__(self, picture: ImageView) -> None:
        self._picture = picture
        self._pieces: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()
        self._kept = 0

    def at(self, plane: PlaneIndex, pixels: np.ndarray) -> np.ndarray:
        """Return (n, filters) at ``pixels`` (n, 2) of a plane."""
        corners, which = np.unique(pixels // PIECE, axis=0, return_inverse=True)
        found = np.empty((len(pixels), self.number), np.float32)
        for number, corner in enumerate(corners.tolist()):
            here = which.ravel() == number
            inside = pixels[here] - np.array(corner) * PIECE
            found[here] = self._piece(plane, *corner)[:, inside[:, 0], inside[:, 1]].T
        return found

    def of(self, plane: PlaneIndex, box: tuple[slice, ...]) -> np.ndarray:
        """Return (filters, rows, columns) of ``box``, mirrored beyond the edges of the plane."""
        return read_mirrored(_Filtered(self, plane), (slice(0, self.number), *box))

    @property
    def number(self) -> int:
        return self._picture.channels * len(SCALES) * EACH

    def _piece(self, plane: PlaneIndex, row: int, column: int) -> np.ndarray:
        key = (plane, row, column, self._picture.factor)
        if key not in self._pieces:
            self._pieces[key] = self._made(plane, row, column)
            self._kept += self._pieces[key].size
            while self._kept > KEPT and len(self._pieces) > 1:
                self._kept -= self._pieces.popitem(last=False)[1].size
        self._pieces.move_to_end(key)
        return self._pieces[key]

    def _made(self, plane: PlaneIndex, *place: int) -> np.ndarray:
        source = self._picture.plane(plane)
        stops = [min((n + 1) * PIECE, m) for n, m in zip(place, source.shape[1:], strict=True)]
        spans = (
            slice(n * PIECE - REACH, stop + REACH) for n, stop in zip(place, stops, strict=True)
        )
        pixels = read_mirrored(source, (slice(0, source.shape[0]), *spans))
        inside = (slice(None), slice(REACH, -REACH), slice(REACH, -REACH))
        return np.concatenate([filtered(gray)[inside] for gray in pixels])


class _Filtered:
    """A filtered plane that can be sliced like an array (filters, rows, columns)."""

    def __init__(self, filters: FilterBank, plane: PlaneIndex) -> None:
        self._filters, self._plane = filters, plane
        self.shape = (filters.number, *filters._picture.working)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        _, rows, columns = box
        found = np.empty(
            (self.shape[0], rows.stop - rows.start, columns.stop - columns.start), np.float32
        )
        for y, into_y, from_y in cuts(rows, PIECE):
            for x, into_x, from_x in cuts(columns, PIECE):
                piece = self._filters._piece(self._plane, y, x)
                found[:, into_y, into_x] = piece[:, from_y, from_x]
        return found


def filtered(gray: np.ndarray) -> np.ndarray:
    """Return (30, *shape) float32 of gray values (rows, columns)."""
    return np.stack([part for sd in SCALES for part in _at_scale(gray, sd)])


def _at_scale(gray: np.ndarray, sd: float) -> list[np.ndarray]:
    """Gray value, slope, bends along two directions, and how slopes around agree, at one scale."""
    smooth = _smoothed(gray, sd)
    down, right = (part * np.float32(sd) for part in np.gradient(smooth))
    slope = np.hypot(down, right)
    bends = (
        np.gradient(down, axis=0) * np.float32(sd),
        np.gradient(right, axis=1) * np.float32(sd),
        np.gradient(down, axis=1) * np.float32(sd),
    )
    wide = min(sd, AROUND)
    around = [_smoothed(part, wide) for part in (down * down, right * right, down * right)]
    # squares of slopes are brought back to the scale of slopes
    spread = [np.sqrt(np.maximum(part, 0)) for part in _principal(*around)]
    return [smooth, slope, *_principal(*bends), *spread]


def _smoothed(gray: np.ndarray, sd: float) -> np.ndarray:
    return np.asarray(gaussian_filter(gray, sd, truncate=TRUNCATED), np.float32)


def _principal(
    along: np.ndarray, across: np.ndarray, mixed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the larger and the smaller eigenvalue of [[along, mixed], [mixed, across]]."""
    middle, apart = (along + across) / 2, np.hypot((along - across) / 2, mixed)
    return middle + apart, middle - apart
