"""Stores of the labels and scores of one image while they are computed, in memory or on disk.

A run that was interrupted goes on from a ``DiskStore``. Every tile that is written is noted in a
journal with the checksum of what was written. Even after a power cut a tile counts as done only
when it still reads the same.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from napari_unet.core.arrays.boxes import ChannelsFirst, PixelStore
from napari_unet.core.files.atomic_write import one_sentence, remove, settle_folder
from napari_unet.core.files.lock import lock, unlock
from napari_unet.core.files.ome_zarr import add_level
from napari_unet.core.objects.label_objects import foreground
from napari_unet.core.segmentation.tiling import Tile

Bounds = tuple[tuple[int, int], ...]  # start and stop along each axis


class WrittenTile(NamedTuple):
    """A tile that is written, and the checksum of what was written."""

    bounds: Bounds
    checksum: int


class LabelStore:
    """Labels (uint8), and scores (K, *shape) where they are wanted, written tile by tile.

    This one is in memory, for an image that can quickly be computed again.
    """

    def __init__(self, labels: PixelStore, scores: PixelStore | None, threshold: float) -> None:
        self.labels, self.scores, self.threshold = labels, scores, threshold
        self.done: set[Bounds] = set()
        self.finishing = False  # whether results have begun to take their names

    @classmethod
    def in_memory(cls, shape: Sequence[int], classes: int, threshold: float) -> "LabelStore":
        """Return an empty store; ``classes`` 0 keeps no scores."""
        scores = np.zeros((classes, *shape), np.float32) if classes else None
        return cls(np.zeros(shape, np.uint8), scores, threshold)

    def write(self, tile: Tile, scores: np.ndarray) -> WrittenTile:
        """Write the scores of one tile and the labels that follow from them."""
        labels = foreground(scores, self.threshold)
        self.labels[tile.write] = labels
        if self.scores is not None:
            self.scores[(slice(None), *tile.write)] = scores
        return WrittenTile(bounds(tile), checksum(labels, None if self.scores is None else scores))

    def note(self, note: WrittenTile) -> None:
        """Remember that a tile is done."""
        self.done.add(note.bounds)

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Return those of ``tiles`` that are not done."""
        return [tile for tile in tiles if bounds(tile) not in self.done]

    def scratch(self, name: str) -> PixelStore:
        """Return an int32 array of the shape of the labels; objects are made in it."""
        del name
        return np.zeros(self.labels.shape, np.int32)

    def holds(self, what: str) -> bool:
        """Tell whether labels, scores or objects are here, not moved to their place."""
        del what
        return True

    def finish(self) -> None:
        """Note that results are being moved to their places."""
        self.finishing = True

    def close(self) -> None:
        """Release the store; what was written stays."""

    def remove(self) -> None:
        """Remove the store; the results are in their places."""


def bounds(tile: Tile) -> Bounds:
    """Return where ``tile`` is written, as plain numbers."""
    return tuple((int(part.start), int(part.stop)) for part in tile.write)


def checksum(labels: np.ndarray, scores: np.ndarray | None) -> int:
    """Return the CRC-32 of what is written for one tile."""
    crc = zlib.crc32(np.ascontiguousarray(labels).data)
    if scores is None:
        return crc
    return zlib.crc32(np.ascontiguousarray(scores, np.float32).data, crc)


FORMAT = 1
CHUNK = {2: 512, 3: 128}  # px of a chunk at most, along the axes a network of so many sees
JOURNAL, FACTS, LOCK, FINISHING = "tiles.journal", "run.json", "lock", "finishing"
LABELS, SCORES = "labels.zarr", "scores.zarr"


@dataclass(frozen=True)
class Layout:
    """Shape, axes, classes and chunks of a store on disk."""

    shape: tuple[int, ...]
    axes: str  # of the labels, in the order TZYX
    classes: int  # for so many classes there are scores; 0: none
    chunks: tuple[int, ...]

    @classmethod
    def of(
        cls, shape: Sequence[int], axes: str, classes: int, tiles: Sequence[Tile], dims: int
    ) -> "Layout":
        """Lay out chunks of which no two of ``tiles`` share one, where their places allow it."""
        limits = [1] * (len(shape) - dims) + [CHUNK[dims]] * dims
        chunks = []
        for axis, (size, limit) in enumerate(zip(shape, limits, strict=True)):
            step = gcd(*(tile.write[axis].start for tile in tiles))  # 0 of one tile alone
            best = max(n for n in range(1, limit + 1) if step % n == 0)
            chunks.append(min(size, best if best >= limit // 16 else limit))
        return cls(tuple(shape), axes, classes, tuple(chunks))


class DiskStore(LabelStore):
    """Labels and scores as OME-Zarr levels in ``folder``, with a journal of the tiles done."""

    labels: zarr.Array

    def __init__(self, folder: Path, threshold: float) -> None:
        labels = zarr.open_array(folder / LABELS / "0", mode="r+")
        scores = None
        if (folder / SCORES).exists():
            kept = zarr.open_array(folder / SCORES / "0", mode="r+")
            scores = ChannelsFirst(kept, channel_of(kept))
        super().__init__(labels, scores, threshold)
        self.folder = folder
        self.finishing = (folder / FINISHING).exists()

    @classmethod
    def create(
        cls, folder: Path, layout: Layout, threshold: float, facts: Mapping[str, Any]
    ) -> "DiskStore":
        """Make an empty store in the locked ``folder``; ``facts`` is what ``prior`` will read."""
        with one_sentence(folder):
            for left in [path for path in folder.iterdir() if path.name != LOCK]:
                remove(left)
            labels = zarr.create_group(folder / LABELS, zarr_format=3, overwrite=True)
            add_level(labels, layout.shape, np.dtype(np.uint8), layout.axes, layout.chunks)
            if layout.classes:
                at = int(layout.axes.startswith("T"))  # OME-Zarr wants time before channels
                axes = layout.axes[:at] + "C" + layout.axes[at:]
                shape = (*layout.shape[:at], layout.classes, *layout.shape[at:])
                chunks = (*layout.chunks[:at], 1, *layout.chunks[at:])
                scores = zarr.create_group(folder / SCORES, zarr_format=3, overwrite=True)
                add_level(scores, shape, np.dtype(np.float32), axes, chunks)
            (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        return cls(folder, threshold)

    @classmethod
    def resume(cls, folder: Path, threshold: float) -> "DiskStore":
        """Open the store of an earlier run; tiles that still read as they were written are done."""
        store = cls(folder, threshold)
        for note in _notes(folder / JOURNAL):
            if store.finishing:  # every tile was on the disk before results took their names
                store.done.add(note.bounds)
                continue
            place = tuple(slice(*pair) for pair in note.bounds)
            kept = None if store.scores is None else store.scores[(slice(None), *place)]
            scores = None if kept is None else np.asarray(kept)
            if checksum(np.asarray(store.labels[place]), scores) == note.checksum:
                store.done.add(note.bounds)
        return store

    def holds(self, what: str) -> bool:
        """Tell whether labels, scores or objects are here, or have been moved to their place."""
        return (self.folder / f"{what}.zarr").exists()

    def write(self, tile: Tile, scores: np.ndarray) -> WrittenTile:
        """Write the scores of one tile and the labels that follow from them."""
        with one_sentence(self.folder):
            return super().write(tile, scores)

    def note(self, note: WrittenTile) -> None:
        """Remember that a tile is done, for this run and the next."""
        super().note(note)
        with one_sentence(self.folder), (self.folder / JOURNAL).open("a", encoding="ascii") as file:
            file.write(json.dumps(note) + "\n")

    def scratch(self, name: str) -> PixelStore:
        """Return an int32 array on disk; "objects" as a level that OME-Zarr can keep."""
        with one_sentence(self.folder):
            group = zarr.create_group(self.folder / f"{name}.zarr", zarr_format=3, overwrite=True)
            axes = "".join(n.upper() for n in self.labels.metadata.dimension_names)
            kind = np.dtype(np.int32)
            return add_level(group, self.labels.shape, kind, axes, self.labels.chunks)

    def separates(self, tiles: Sequence[Tile]) -> bool:
        """Tell whether no two of ``tiles`` share a chunk, so that each may be written alone."""
        return all(
            part.start % chunk == 0
            for tile in tiles
            for part, chunk in zip(tile.write, self.labels.chunks, strict=True)
        )

    def finish(self) -> None:
        """Note that results are being moved to their places."""
        with one_sentence(self.folder):
            settle_folder(self.folder)
            (self.folder / FINISHING).touch()

    def close(self) -> None:
        """Release the store; what was written stays."""
        unlock(self.folder / LOCK)

    def remove(self) -> None:
        """Remove the store; the results are in their places."""
        self.close()  # Windows removes no file that is open
        discard(self.folder)


def channel_of(array: zarr.Array) -> int:
    """Return which axis of ``array`` holds the channels."""
    return list(array.metadata.dimension_names).index("c")


def discard(folder: Path) -> None:
    """Remove a store; its facts go first, so that an interrupted removal leaves no store."""
    (folder / FACTS).unlink(missing_ok=True)
    remove(folder)


def all_moved(folder: Path) -> bool:
    """Tell whether all results of a run were moved to their places; the labels are the last."""
    return (folder / FINISHING).exists() and not (folder / LABELS).exists()


def lock_store(folder: Path) -> None:
    """Make ``folder`` if need be and keep other runs out of it until ``close``."""
    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
    holder = lock(folder / LOCK)
    if holder:
        raise ValueError(f"{folder} is being written by {holder}: wait until it is done")


def prior(folder: Path, identity: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return what an earlier run kept in ``folder``, if it was the same run, else why it is not.

    ``identity`` is what makes runs the same: image, network, settings.
    """
    if not (folder / FACTS).exists():
        return None, ""
    facts = _read_json(folder / FACTS)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        return None, "it is damaged or of another version"
    kept = facts.get("identity", {})
    changed = [name for name in identity if kept.get(name) != identity[name]]
    return (None, f"it differs in {' and '.join(changed)}") if changed else (facts, "")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _notes(journal: Path) -> Iterator[WrittenTile]:
    """Read the journal; a line that was cut short is skipped."""
    if not journal.exists():
        return
    for line in journal.read_text(encoding="ascii", errors="replace").splitlines():
        try:
            pairs, crc = json.loads(line)
            yield WrittenTile(tuple((int(a), int(b)) for a, b in pairs), int(crc))
        except (ValueError, TypeError):
            continue
