"""Boxes: regions of an array that may be larger than memory, and how they are read and written.

A box that reaches beyond the edge of the image is mirrored there. The edge pixel is not repeated
(numpy's ``reflect``), and an image smaller than the context is mirrored as often as needed.
Indices are folded and only the pixels they point to are read, so that neither a padded copy nor
the whole of a large image is in memory.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

_THREADS = min(8, os.cpu_count() or 1)  # more only wait for memory
PIECE = 2**22  # px looked at together: some ten milliseconds

Box = tuple[slice, ...]  # one slice an axis, with start and stop, without step
PlaneIndex = tuple[int, ...]  # of a plane: index along each axis before Y and X


class Pixels(Protocol):
    """An array in memory or on disk (numpy, zarr, dask …) that is read box by box."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""

    def __getitem__(self, box: Box, /) -> ArrayLike:
        """Read the pixels of ``box``."""


class PixelStore(Pixels, Protocol):
    """An array that is written box by box, too."""

    def __setitem__(self, box: Box, values: np.ndarray, /) -> None:
        """Write the pixels of ``box``."""


def whole(shape: Sequence[int]) -> Box:
    """Return the box that holds everything."""
    return tuple(slice(0, edge) for edge in shape)


def box_in(shape: tuple[int, ...], region: Box) -> Box:
    """Return ``region`` with start and stop filled in and cut off at the ends of ``shape``."""
    if len(region) != len(shape):
        raise ValueError(
            f"the box has {len(region)} slices and the labels {len(shape)} axes: give one an axis"
        )
    ends = [part.indices(edge) for part, edge in zip(region, shape, strict=True)]
    if any(step != 1 for _, _, step in ends):
        raise ValueError(f"the box {region} skips pixels: give slices without a step")
    return tuple(slice(start, max(start, stop)) for start, stop, _ in ends)


def shape_of(box: Box) -> tuple[int, ...]:
    """Return the edges of ``box``."""
    return tuple(part.stop - part.start for part in box)


def grow(box: Box, by: int, shape: tuple[int, ...]) -> Box:
    """Return ``box`` with ``by`` pixels more on every side, as far as ``shape`` goes."""
    return tuple(
        slice(max(0, part.start - by), min(edge, part.stop + by))
        for part, edge in zip(box, shape, strict=True)
    )


def join(one: Box, other: Box) -> Box:
    """Return the smallest box around both."""
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )


def inside(outer: Box, inner: Box) -> Box:
    """Return ``inner`` counted from the corner of ``outer``."""
    return tuple(
        slice(b.start - a.start, b.stop - a.start) for a, b in zip(outer, inner, strict=True)
    )


def share(work: Callable[[Box], object], box: Box, edges: tuple[int, ...]) -> None:
    """Do ``work`` on the parts of ``box`` of at most ``edges``, on as many threads as pay."""
    parts = list(split(box, edges))
    helpers = min(len(parts), _THREADS) - 1
    todo = iter(parts)  # next() of a list's iterator is one step to all threads

    def help_out() -> None:
        for part in todo:
            work(part)

    if helpers < 1:
        help_out()
        return
    with ThreadPoolExecutor(helpers) as pool:
        others = [pool.submit(help_out) for _ in range(helpers)]
        help_out()  # the caller's memory is warm; a thread more would only wait
    for other in others:
        other.result()


def split(box: Box, edges: Sequence[int]) -> Iterator[Box]:
    """Yield the parts of ``box`` of at most ``edges``, which cover it once, in C order."""
    spans = [
        [slice(a, min(a + edge, part.stop)) for a in range(part.start, part.stop, edge)]
        for part, edge in zip(box, edges, strict=True)
    ]
    yield from product(*spans)


def pieces(shape: Sequence[int], pixels: int = PIECE) -> Iterator[Box]:
    """Yield boxes of at most so many ``pixels`` that cover ``shape`` once, the last axes whole."""
    edges, left = [], pixels
    for edge in reversed(shape):
        edges.append(max(1, min(edge, left)))
        left //= max(edge, 1)
    return split(whole(shape), edges[::-1])


class FixedAxes:
    """The part of an array-like at fixed indices of its first axes, or of those after ``skip``.

    Zarr confuses axes where integers are mixed with slices, so that only slices are handed on.
    """

    def __init__(self, whole: Pixels, indices: tuple[int, ...], skip: int = 0) -> None:
        self._whole: Any = whole  # written to only where it is a PixelStore
        self._skip = skip
        self._places = tuple(slice(i, i + 1) for i in indices)
        self._fixed = tuple(range(skip, skip + len(indices)))
        self.shape: tuple[int, ...] = (*whole.shape[:skip], *whole.shape[skip + len(indices) :])
        self.dtype: np.dtype = whole.dtype

    def _key(self, box: tuple[slice, ...]) -> tuple[slice, ...]:
        return (*box[: self._skip], *self._places, *box[self._skip :])

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(self._whole[self._key(box)]).squeeze(self._fixed)

    def __setitem__(self, box: tuple[slice, ...], values: np.ndarray) -> None:
        self._whole[self._key(box)] = np.expand_dims(values, self._fixed)


class ChannelsFirst:
    """An array-like seen with its axis ``channel`` first."""

    def __init__(self, whole: PixelStore, channel: int) -> None:
        self._whole, self._channel = whole, channel
        length = whole.shape[channel]
        self.shape = (length, *whole.shape[:channel], *whole.shape[channel + 1 :])
        self.dtype: np.dtype = whole.dtype

    def _key(self, box: tuple[slice, ...]) -> tuple[slice, ...]:
        first, *rest = box
        return (*rest[: self._channel], first, *rest[self._channel :])

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        return np.moveaxis(np.asarray(self._whole[self._key(box)]), self._channel, 0)

    def __setitem__(self, box: tuple[slice, ...], values: np.ndarray) -> None:
        self._whole[self._key(box)] = np.moveaxis(values, 0, self._channel)


def mirror_indices(start: int, stop: int, length: int) -> np.ndarray:
    """Fold the places ``start`` to ``stop`` of an axis of ``length`` pixels into the axis."""
    if length < 1:
        raise ValueError(f"an axis of {length} pixels cannot be mirrored: it needs at least 1")
    period = max(2 * (length - 1), 1)  # an axis of one pixel is constant
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded) if length > 1 else folded


def read_mirrored(image: Pixels, places: Sequence[slice]) -> np.ndarray:
    """Read ``image`` (anything that can be sliced) at ``places``, which may lie beyond its edges.

    One slice an axis; what is asked of ``image`` is one box of pixels inside it.
    """
    if len(places) != len(image.shape):
        raise ValueError(f"{len(places)} slices for an image of {len(image.shape)} axes")
    folded = [
        mirror_indices(place.start, place.stop, length)
        for place, length in zip(places, image.shape, strict=True)
    ]
    box = tuple(slice(int(index.min()), int(index.max()) + 1) for index in folded)
    pixels = np.asarray(image[box])
    for axis, (index, place) in enumerate(zip(folded, box, strict=True)):
        if place.stop - place.start != len(index) or index[0] != place.start:
            pixels = np.take(pixels, index - place.start, axis)
    return pixels


def cuts(part: slice, edge: int) -> list[tuple[int, slice, slice]]:
    """Return the pieces of ``edge`` pixels a span meets: number, where in it, where in each."""
    parts = []
    for number in range(part.start // edge, -(-part.stop // edge)):
        start, stop = max(part.start, number * edge), min(part.stop, number * edge + edge)
        origin = number * edge
        into = slice(start - part.start, stop - part.start)
        parts.append((number, into, slice(start - origin, stop - origin)))
    return parts
