"""LabelStore: labels and scores of one image while they are computed."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_unet.core.objects import foreground
from napari_unet.core.tiling import Tile

Bounds = tuple[tuple[int, int], ...]  # start and stop along each axis


class Note(NamedTuple):
    """A tile that is written, and the checksum of what was written."""

    bounds: Bounds
    checksum: int


class LabelStore:
    """Labels (uint8), and scores (K, *shape) where they are wanted, written tile by tile.

    This one lies in memory, for an image that is quickly begun anew.
    """

    def __init__(self, labels: Any, scores: Any | None, threshold: float) -> None:
        self.labels, self.scores, self.threshold = labels, scores, threshold
        self.done: set[Bounds] = set()
        self.finishing = False  # whether results have begun to take their names

    @classmethod
    def in_memory(cls, shape: Sequence[int], classes: int, threshold: float) -> "LabelStore":
        """Return an empty store; ``classes`` 0 keeps no scores."""
        scores = np.zeros((classes, *shape), np.float32) if classes else None
        return cls(np.zeros(shape, np.uint8), scores, threshold)

    def write(self, tile: Tile, scores: np.ndarray) -> Note:
        """Write the scores of one tile and the labels that follow from them."""
        labels = foreground(scores, self.threshold)
        self.labels[tile.write] = labels
        if self.scores is not None:
            self.scores[(slice(None), *tile.write)] = scores
        return Note(bounds(tile), checksum(labels, None if self.scores is None else scores))

    def note(self, note: Note) -> None:
        """Remember that a tile is done."""
        self.done.add(note.bounds)

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Return those of ``tiles`` that are not done."""
        return [tile for tile in tiles if bounds(tile) not in self.done]

    def scratch(self, name: str) -> Any:
        """Return an int32 array of the shape of the labels; objects are made in it."""
        del name
        return np.zeros(self.labels.shape, np.int32)

    def holds(self, what: str) -> bool:
        """Tell whether labels, scores or objects are here, not moved to their place."""
        del what
        return True

    def finish(self) -> None:
        """Remember that results begin to take their names."""
        self.finishing = True

    def close(self) -> None:
        """Keep what there is and let others have it."""

    def remove(self) -> None:
        """Remove what there is: the results lie elsewhere."""


def bounds(tile: Tile) -> Bounds:
    """Return where ``tile`` is written, as plain numbers."""
    return tuple((int(part.start), int(part.stop)) for part in tile.write)


def checksum(labels: np.ndarray, scores: np.ndarray | None) -> int:
    """Return the CRC-32 of what is written for one tile."""
    found = zlib.crc32(np.ascontiguousarray(labels).data)
    if scores is None:
        return found
    return zlib.crc32(np.ascontiguousarray(scores, np.float32).data, found)
