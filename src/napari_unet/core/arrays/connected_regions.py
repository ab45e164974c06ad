"""Pieces: the connected regions of equal value in a label array, frame by frame where there is T.

Found in one pass over all values, so that the cost grows with pixels and not with objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


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
            found, count = label(
                frame, background=0, return_num=True, connectivity=frame.ndim if diagonal else 1
            )
            part[...] = np.where(found > 0, found + total, 0)
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
