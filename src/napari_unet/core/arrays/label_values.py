"""Which values a label array has: pixels of each value, and connected regions of equal value.

Both are found in one pass over the pixels, so that the cost does not grow with the objects.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from napari_unet.core.arrays.boxes import PIECE, Pixels, pieces

NARROW = 2**16  # values; up to so many a table is faster than sorting

Counts = dict[int, int]  # pixels of each value that occurs


def counting(labels: Pixels, at_once: int = PIECE) -> Generator[None, None, Counts]:
    """Count the values of ``labels`` (numpy, zarr …), with a yield after ``at_once`` pixels."""
    counts: Counts = {}
    for box in pieces(labels.shape, at_once):
        add(counts, count_values(np.asarray(labels[box])))
        yield
    return counts


def count_values(labels: np.ndarray) -> Counts:
    """Count the values of ``labels`` at once."""
    if labels.dtype.kind == "u" and np.iinfo(labels.dtype).max < NARROW:
        counts = np.bincount(labels.ravel())
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def add(counts: Counts, more: Counts, times: int = 1) -> None:
    """Add ``more`` to ``counts``, or take it away with ``times=-1``; no value is left with 0."""
    for value, count in more.items():
        counts[value] = counts.get(value, 0) + times * count
        if not counts[value]:
            del counts[value]


@dataclass(frozen=True, eq=False)
class ConnectedRegions:
    """Connected regions; the first entry of each table stands for 'no piece'."""

    indices: np.ndarray  # int32, the shape of the labels; 0 no piece, 1… in scan order
    owners: np.ndarray  # (n + 1,) the value each piece has
    frames: np.ndarray  # (n + 1,) its index along T
    areas: np.ndarray  # (n + 1,) pixels
    axes: str

    @classmethod
    def of(cls, values: np.ndarray, axes: str, *, diagonal: bool) -> "ConnectedRegions":
        """Find the pieces of ``values`` (integers, 0 none); ``axes`` are theirs, without C.

        ``diagonal``: pixels that meet at an edge or a corner belong together too.
        """
        from skimage.measure import label  # a dock that opens must not wait for it

        indices = np.zeros(values.shape, np.int32)
        frames = [np.zeros(1, np.int64)]
        total = 0
        parts = zip(each_frame(values, axes), each_frame(indices, axes), strict=True)
        for number, (frame, part) in enumerate(parts):
            regions, count = label(
                frame, background=0, return_num=True, connectivity=frame.ndim if diagonal else 1
            )
            part[...] = np.where(regions > 0, regions + total, 0)
            frames.append(np.full(count, number))
            total += count
        owners = np.zeros(total + 1, values.dtype)
        owners[indices.ravel()] = values.ravel()
        areas = np.bincount(indices.ravel(), minlength=total + 1)
        areas[0] = 0
        return cls(indices, owners, np.concatenate(frames), areas, axes)

    def __len__(self) -> int:
        return len(self.areas) - 1

    def place(self, piece: int) -> tuple[int, ...]:
        """Return the first pixel of ``piece`` in scan order."""
        first = np.argmax(self.indices == piece)
        return tuple(int(index) for index in np.unravel_index(first, self.indices.shape))


def each_frame(array: np.ndarray, axes: str) -> Iterator[np.ndarray]:
    """Yield a view of the plane or volume at each point in time."""
    if "T" in axes:
        yield from np.moveaxis(array, axes.index("T"), 0)
    else:
        yield array
