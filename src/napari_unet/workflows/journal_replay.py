"""Replay a journal of strokes: the annotations it holds, up to its first damaged line."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_unet.core.files.lock import held_elsewhere, holder_of
from napari_unet.workflows.confirmed_pixels import Confirmed, beside
from napari_unet.workflows.journal_records import (
    Begin,
    Confirm,
    Drop,
    End,
    Facts,
    Head,
    Record,
    RecordBox,
    StrokeRecord,
    decode,
)


@dataclass(eq=False)
class Restored:
    """An annotation as it was after the last stroke that reached the disk."""

    name: str
    labels: np.ndarray
    confirmed: Confirmed
    facts: dict[str, Any] = field(default_factory=dict)
    strokes: int = 0
    time: float = 0.0  # of the last stroke, seconds since 1970


@dataclass(eq=False)
class Replay:
    """What a journal tells: ``whole`` bytes of it count, ``torn`` bytes after them do not."""

    path: Path
    head: Head | None = None
    annotations: dict[str, Restored] = field(default_factory=dict)
    ended: bool = False  # in peace, not by a crash
    whole: int = 0
    torn: int = 0
    digest: str = ""  # of the last whole line
    missing: tuple[str, ...] = ()  # files it starts from that are not there or do not fit

    @property
    def strokes(self) -> int:
        """The number of strokes."""
        return sum(one.strokes for one in self.annotations.values())

    def written_elsewhere(self) -> str:
        """Return which other process is appending to this journal; empty if none is."""
        return "" if self.ended else held_elsewhere(lock_of(self.path))

    def alive(self) -> bool:
        """Whether a process, this one too, still has this journal open."""
        return bool(holder_of(lock_of(self.path)))


def lock_of(journal: Path) -> Path:
    """Return the file that is locked while a process has ``journal`` open."""
    return journal.with_name(f"{journal.name}.lock")


def replay(path: Path) -> Replay:
    """Read the journal at ``path`` up to its first line that is not whole; never raises for it."""
    result = Replay(path)
    with path.open("rb") as file:
        for record in _records(file, result):
            _apply(record, result)
    result.torn = path.stat().st_size - result.whole
    return result


def read_head(path: Path) -> Replay:
    """Read the first line only: enough to know who writes the journal."""
    result = Replay(path)
    with path.open("rb") as file:
        result.head = next((r for r in _records(file, result) if isinstance(r, Head)), None)
    return result


def _records(file: BinaryIO, replay: Replay) -> Iterator[Record]:
    for line in file:
        try:
            record, digest = decode(line, replay.digest)
            if isinstance(record, Head) != (replay.whole == 0):
                return  # a journal begins with its head, which comes once
            _check(record, replay)
        except (ValueError, LookupError, TypeError, AttributeError, zlib.error):
            return
        replay.digest, replay.whole = digest, replay.whole + len(line)
        yield record


def _check(record: Record, replay: Replay) -> None:
    """Refuse a stroke that is not inside its annotation."""
    if isinstance(record, StrokeRecord | Confirm):
        shape = replay.annotations[record.name].labels.shape
        inside = all(0 <= a <= b <= edge for (a, b), edge in zip(record.box, shape, strict=True))
        if not inside:
            raise ValueError("a stroke lies outside its annotation")


def _apply(record: Record, replay: Replay) -> None:
    if isinstance(record, Head):
        replay.head = record
    elif isinstance(record, Begin):
        replay.annotations[record.name] = Restored(record.name, *_beginning(record, replay))
    elif isinstance(record, Facts) and record.name in replay.annotations:
        replay.annotations[record.name].facts = record.facts
    elif isinstance(record, StrokeRecord):
        restored = replay.annotations[record.name]
        restored.labels[_slices(record.box)] = record.values
        restored.confirmed[_slices(record.box)] = False
        restored.strokes += record.time > 0
        restored.time = max(restored.time, record.time)
    elif isinstance(record, Confirm):
        replay.annotations[record.name].confirmed[_slices(record.box)] = record.pixels
    elif isinstance(record, Drop):
        replay.annotations.pop(record.name, None)
    replay.ended = isinstance(record, End)


def _slices(box: RecordBox) -> tuple[slice, ...]:
    return tuple(slice(*edges) for edges in box)


def _beginning(record: Begin, replay: Replay) -> tuple[np.ndarray, Confirmed]:
    """Return zeros, or the labels in the file that the annotation begins with; and the confirmed.

    Those have a file only where there are some.
    """
    labels, confirmed = np.zeros(record.shape, record.dtype), np.zeros(record.shape, bool)
    if record.base:
        _read(record.base, labels, replay)
        if (replay.path.parent / beside(record.base)).exists():
            _read(beside(record.base), confirmed, replay)
    return labels, Confirmed.of(confirmed)


def _read(file: str, into: np.ndarray, replay: Replay) -> None:
    from napari_unet.core.files.image_file import open_image

    try:
        values = np.asarray(open_image(replay.path.parent / file).data[...])
        into[...] = values.reshape(into.shape)
    except (OSError, ValueError, TypeError):
        replay.missing += (file,)
