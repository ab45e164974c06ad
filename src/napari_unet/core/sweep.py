"""Go through an array that may be larger than memory, a box at a time."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from napari_unet.core.boxes import Box


def sweep(shape: Sequence[int], edges: Sequence[int]) -> Iterator[Box]:
    """Yield boxes of at most ``edges`` that cover an array of ``shape`` once, in C order."""
    spans = [
        [slice(a, min(a + edge, size)) for a in range(0, size, edge)]
        for size, edge in zip(shape, edges, strict=True)
    ]
    yield from product(*spans)


class Within:
    """The part of an array-like at fixed indices of its first axes, or of those after ``skip``.

    Zarr confuses axes where integers are mixed with slices, so that only slices are handed on.
    """

    def __init__(self, whole: Any, indices: tuple[int, ...], skip: int = 0) -> None:
        self._whole, self._skip = whole, skip
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

    def __init__(self, whole: Any, channel: int) -> None:
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
