"""Journal: every stroke is on the disk within a second, whatever happens to the program after.

Painting only hands over a copy of the painted box; a thread that lives while there is something to
write compresses it, appends it and waits for the disk. What the disk refuses is kept and tried
again. Reading is in ``journal_replay``. ``signature`` tells whether an image is the one that was
painted on, without reading all of it.
"""

import os
import socket
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from napari_unet.core.arrays.boxes import Pixels, split, whole
from napari_unet.core.files.atomic_write import new_file, one_sentence
from napari_unet.core.files.lock import holder_of, lock, unlock
from napari_unet.workflows.confirmed_pixels import Confirmed
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
    encode,
)
from napari_unet.workflows.journal_replay import lock_of, replay

GATHER = 0.5  # seconds; strokes of that time go to the disk together
AGAIN = 1.0  # seconds until what the disk refused is tried again
TILE = 1024  # px; the content an annotation begins with is written in such pieces
COMPACT_FROM = 2**26  # bytes a journal may have before it is rewritten shorter
COMPACT_AT = 4  # times its length after the last rewriting


class Journal:
    """Appends to a new journal at ``path``; its methods may be called from any thread.

    It begins with ``start``. With ``overwrite`` it replaces another journal, in one step: nobody
    may append to that one any more.
    """

    def __init__(
        self,
        path: Path,
        *,
        start: Sequence[Record] = (),
        overwrite: bool = False,
        compact_from: int = COMPACT_FROM,
    ) -> None:
        self.path = path
        self._compact_from = compact_from
        self._lock = threading.Lock()  # of what waits
        self._disk = threading.Lock()  # of the file: one thread writes
        self._waiting: list[Record] = []
        self._timer: threading.Timer | None = None
        self.problem = ""  # why strokes are not reaching the disk; empty while they are
        mine = bool(holder_of(lock_of(path)))
        holder = lock(lock_of(path))
        if holder:
            raise FileExistsError(f"{path} is being written by {holder}: close it there first")
        try:
            self._length, self._digest = _begin_file(path, start, overwrite)
        except BaseException:
            if not mine:
                unlock(lock_of(path))
            raise

    def begin(
        self, name: str, labels: Pixels, facts: dict[str, Any], confirmed: Confirmed | None = None
    ) -> None:
        """Keep the annotation ``name`` from now on, as ``labels`` (array, or lazily sliceable)."""
        self._add(beginning(name, labels, facts, confirmed=confirmed))

    def describe(self, name: str, facts: dict[str, Any]) -> None:
        """Replace what is known of the annotation: its name on the screen, its classes."""
        self._add([Facts(name, facts)])

    def stroke(
        self,
        name: str,
        box: tuple[slice, ...],
        values: np.ndarray,
        confirmed: np.ndarray | None = None,
    ) -> None:
        """Keep what ``box`` of the annotation holds now, and which of it is ``confirmed``."""
        edges = _edges(box)
        records: list[Record] = [StrokeRecord(name, edges, np.array(values), time.time())]
        if confirmed is not None and confirmed.any():
            records.append(Confirm(name, edges, np.array(confirmed)))
        self._add(records)

    def drop(self, name: str) -> None:
        """Keep the annotation no longer: it is saved, or its layer was deleted."""
        self._add([Drop(name)])

    def flush(self) -> bool:
        """Write all that waits, now; return whether the disk has it."""
        with self._disk:
            with self._lock:
                taken, self._timer = list(self._waiting), None
            written = not taken or self._written(taken)
            with self._lock:
                if written:
                    del self._waiting[: len(taken)]
                if self._waiting and threading.main_thread().is_alive():
                    self._schedule(AGAIN if not written else GATHER)
        return written

    def close(self) -> bool:
        """Write all that waits, then the record of a regular end."""
        self._add([End(time.time())])
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        try:
            return self.flush()
        finally:
            unlock(lock_of(self.path))

    def _add(self, records: Iterable[Record]) -> None:
        with self._lock:
            self._waiting.extend(records)
            if self._timer is None:
                self._schedule(GATHER)

    def _schedule(self, seconds: float) -> None:
        """Not a daemon: a program that ends waits for its last strokes."""
        self._timer = threading.Timer(seconds, self.flush)
        self._timer.start()

    def _written(self, records: list[Record]) -> bool:
        try:
            with one_sentence(self.path):
                self._append(records)
                self._compact()
        except OSError as error:
            self.problem = f"Strokes are not being kept: {error}"
            return False
        self.problem = ""
        return True

    def _append(self, records: list[Record]) -> None:
        """Append after the last line that is whole: one that a full disk cut short goes."""
        digest, length = self._digest, self._length
        with self.path.open("rb+") as file:
            file.truncate(length)
            file.seek(length)
            for record in records:
                line, digest = encode(record, digest)
                length += file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._digest, self._length = digest, length

    def _compact(self) -> None:
        """Rewrite a journal that has become long; the old one counts until the new one is whole."""
        if self._length < self._compact_from:
            return
        read = replay(self.path)
        if read.torn or read.missing:  # then what is there is all there is: it stays
            self._compact_from = COMPACT_AT * self._length
            return
        kept: list[Record] = []
        for name, one in read.annotations.items():
            kept += beginning(
                name, one.labels, one.facts, painted=one.time, confirmed=one.confirmed
            )
        self._length, self._digest = _begin_file(self.path, kept, overwrite=True)
        self._compact_from = max(self._compact_from, COMPACT_AT * self._length)


def beginning(
    name: str,
    labels: Pixels,
    facts: dict[str, Any],
    *,
    base: str = "",
    painted: float = 0.0,
    confirmed: Confirmed | None = None,
) -> list[Record]:
    """Return the records that begin an annotation, with a copy of what ``labels`` hold now.

    With ``base``, a file beside the journal that holds ``labels``, they are not written again,
    and neither are the ``confirmed`` pixels, which have a file of their own.
    """
    shape, dtype = tuple(int(edge) for edge in labels.shape), np.dtype(labels.dtype).str
    start: list[Record] = [Begin(name, shape, dtype, base), Facts(name, facts)]
    if not base:
        start += _content(name, labels, painted)
        boxes = [] if confirmed is None else confirmed.boxes()
        start += [Confirm(name, _edges(box), pixels) for box, pixels in boxes]
    return start


def _edges(box: tuple[slice, ...]) -> RecordBox:
    return tuple((int(part.start), int(part.stop)) for part in box)


def _begin_file(path: Path, records: Sequence[Record], overwrite: bool) -> tuple[int, str]:
    """Write a journal with a head and ``records``; return its length and its last digest."""
    started = psutil.Process().create_time()
    length, digest = 0, ""
    with new_file(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        for record in [Head(os.getpid(), socket.gethostname(), started), *records]:
            line, digest = encode(record, digest)
            length += file.write(line)
    return length, digest


def _content(name: str, labels: Pixels, painted: float) -> Iterator[StrokeRecord]:
    """Yield what is painted in ``labels``, piece by piece, copied."""
    dims = len(labels.shape)
    edges = [1] * (dims - 2) + [TILE] * 2
    for box in split(whole(labels.shape), edges[-dims:]):
        values = np.array(labels[box])
        if values.any():
            yield StrokeRecord(name, _edges(box), values, painted)


EDGE = 32  # px of the boxes looked at, at both ends and in the middle of each axis


def signature(image: Pixels) -> str:
    """Return a short text that another image would not have; ``image`` may be lazily sliceable."""
    shape = tuple(int(edge) for edge in image.shape)
    digest = 0
    for box in product(*(_parts(edge) for edge in shape)):
        digest = zlib.crc32(np.ascontiguousarray(image[box]).tobytes(), digest)
    return f"{'×'.join(map(str, shape))} {np.dtype(image.dtype).name} {digest:08x}"


def _parts(edge: int) -> list[slice]:
    if edge <= 3 * EDGE:
        return [slice(0, edge)]
    middle = (edge - EDGE) // 2
    return [slice(start, start + EDGE) for start in (0, middle, edge - EDGE)]
