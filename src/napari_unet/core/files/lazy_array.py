"""LazyPixels: an array on disk of which only the pixels asked for are read.

Pixels are read with ``read()`` and never through a memory map: a mapped file that another program
shortens ends the process, whereas a read that returns too little is an error with a file name.
"""

import math
import operator
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from types import EllipsisType
from typing import SupportsIndex

import numpy as np
import psutil
from numpy.typing import DTypeLike

from napari_unet.core import text
from napari_unet.core.arrays.boxes import Box

READ_AT_ONCE = 4 * 2**20  # bytes; a gap shorter than this is read through, not jumped over

PixelIndex = SupportsIndex | slice | EllipsisType
PixelKey = PixelIndex | tuple[PixelIndex, ...]


class LazyPixels:
    """An array-like of ``shape`` and ``dtype``; indexing with integers and slices reads pixels."""

    def __init__(self, path: Path, shape: Sequence[int], dtype: np.dtype) -> None:
        self.path = path
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels, channels counted."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole image in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self.path.name}: {'×'.join(map(str, self.shape))} {self.dtype}, on disk>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{self.path} lies on disk: it cannot become an array without a copy")
        pixels = self[...]
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def __getitem__(self, key: PixelKey) -> np.ndarray:
        slices, steps = self._box(key)
        starts = tuple(part.start for part in slices)
        stops = tuple(part.stop for part in slices)
        if any(stop <= start for start, stop in zip(starts, stops, strict=True)):
            empty = [max(0, b - a) for a, b in zip(starts, stops, strict=True)]
            return np.empty(empty, self.dtype)[steps]
        return self._read(starts, stops)[steps]

    def _read(self, starts: tuple[int, ...], stops: tuple[int, ...]) -> np.ndarray:
        """Read the box from ``starts`` to ``stops``, which is not empty and lies inside."""
        raise TypeError(f"{type(self).__name__} does not say how its pixels are read")

    def _box(self, key: PixelKey) -> tuple[Box, tuple[int | slice, ...]]:
        """Return the box that ``key`` touches, and the key that cuts ``key`` out of that box."""
        boxes: list[slice] = []
        steps: list[int | slice] = []
        for axis, part in enumerate(self._parts(key)):
            size = self.shape[axis]
            if isinstance(part, slice):
                box, step = _forward(range(*part.indices(size)))
                boxes.append(box)
                steps.append(step)
            else:
                index = _index(part, size, axis)
                boxes.append(slice(index, index + 1))
                steps.append(0)
        return tuple(boxes), tuple(steps)

    def _parts(self, key: PixelKey) -> tuple[SupportsIndex | slice, ...]:
        parts = key if isinstance(key, tuple) else (key,)
        at = [i for i, part in enumerate(parts) if part is Ellipsis]
        missing = self.ndim - (len(parts) - len(at))
        if missing < 0 or len(at) > 1:
            raise IndexError(f"{self.path.name} has {self.ndim} axes and was indexed with {key}")
        here = at[0] if at else len(parts)
        filled = (*parts[:here], *[slice(None)] * missing, *parts[here + len(at) :])
        return tuple(part for part in filled if not isinstance(part, EllipsisType))


def _forward(indices: range) -> tuple[slice, slice]:
    """Return the box of ``indices``, in rising order, and the slice that picks them from it."""
    if len(indices) == 0:
        return slice(0, 0), slice(None)
    low, high = min(indices[0], indices[-1]), max(indices[0], indices[-1])
    return slice(low, high + 1), slice(None, None, indices.step)


def _index(part: SupportsIndex, size: int, axis: int) -> int:
    try:
        index = operator.index(part)
    except TypeError:
        raise IndexError(f"an image on disk takes integers and slices, not {part!r}") from None
    if not -size <= index < size:
        raise IndexError(f"index {index} is outside axis {axis}, which has {size}")
    return index % size


class RawPixels(LazyPixels):
    """Pixels that lie uncompressed and in C order, one plane from each byte of ``offsets`` on."""

    def __init__(
        self, path: Path, shape: Sequence[int], dtype: np.dtype, offsets: Sequence[int]
    ) -> None:
        super().__init__(path, shape, dtype)
        self._stored = np.dtype(dtype)  # with the byte order of the file
        self._offsets = offsets
        self._lead = next(n for n in range(self.ndim + 1) if math.prod(shape[:n]) == len(offsets))
        held = path.stat().st_size
        end = max(offsets) + math.prod(self.shape[self._lead :]) * self.dtype.itemsize
        if end > held:
            raise OSError(
                f"{path} is cut short: its pixels end at byte {text.number(end)} and the "
                f"file at {text.number(held)}; get a whole copy of it"
            )

    def _read(self, starts: tuple[int, ...], stops: tuple[int, ...]) -> np.ndarray:
        out = np.empty([b - a for a, b in zip(starts, stops, strict=True)], self._stored)
        lead, shape = self._lead, self.shape
        with self.path.open("rb", buffering=0) as file:
            for at in np.ndindex(out.shape[:lead]):
                plane = flat_index(shape[:lead], starts, at)
                self._fill(file, out[at], starts[lead:], self._offsets[plane], shape[lead:])
        return out.astype(self.dtype, copy=False)

    def _fill(
        self,
        file: FileIO,
        out: np.ndarray,
        starts: tuple[int, ...],
        offset: int,
        shape: tuple[int, ...],
    ) -> None:
        """Read the box at ``starts`` of an array of ``shape`` at byte ``offset`` into ``out``."""
        stride = math.prod(shape[1:]) * self.dtype.itemsize
        offset += starts[0] * stride if starts else 0
        if out.shape[1:] == shape[1:]:
            self._read_into(file, out, offset)
        elif len(out) * stride <= READ_AT_ONCE:
            rows = np.empty((len(out), *shape[1:]), self._stored)
            self._read_into(file, rows, offset)
            out[...] = rows[_box_of(out.shape, starts)]
        else:
            for row, into in enumerate(out):
                self._fill(file, into, starts[1:], offset + row * stride, shape[1:])

    def _read_into(self, file: FileIO, out: np.ndarray, offset: int) -> None:
        file.seek(offset)
        view = out.reshape(-1).view(np.uint8).data
        while view:
            count = file.readinto(view)
            if not count:
                raise OSError(f"{self.path} ended while it was read: is it still being written?")
            view = view[count:]


def _box_of(shape: tuple[int, ...], starts: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the box of ``shape`` in an array already cut along its first axis."""
    later = [slice(a, a + size) for a, size in zip(starts[1:], shape[1:], strict=True)]
    return (slice(None), *later)


def flat_index(shape: Sequence[int], starts: Sequence[int], at: Sequence[int]) -> int:
    """Return the number, in C order, of the plane ``at`` steps from ``starts`` (may be longer)."""
    number = 0
    for size, start, step in zip(shape, starts, at, strict=False):
        number = number * size + start + step
    return number


def check_memory(path: Path, needed: int, what: str) -> None:
    """Refuse a file of which ``what``, read at once, would take over half of the free memory."""
    free = int(psutil.virtual_memory().available)
    if needed > free // 2:
        raise ValueError(
            f"{path} declares {what} of {text.memory(needed)} and {text.memory(free)} of memory "
            "are free: save it tiled or as OME-Zarr, if it is honest"
        )


MARKS = ("zarr.json", ".zarray", ".zgroup")  # files of which a store has one


def is_zarr(path: Path) -> bool:
    """Tell whether the folder ``path`` is a Zarr array or group."""
    return any((path / mark).exists() for mark in MARKS)
