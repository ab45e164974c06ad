"""The records of a journal of strokes, one line each, which a person can read in any editor.

A line is a digest, a space and a JSON object. The digest covers the line and the digest of the line
before, so that a line that was changed, lost or inserted is noticed, and all lines before it still
count.
"""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

FORMAT = 1
DIGITS = 16  # of the SHA-256 that begins a line
LARGEST = 2**32  # bytes of the values of one record
RecordBox = tuple[tuple[int, int], ...]  # start and stop along each axis


@dataclass(frozen=True)
class Head:
    """The first line: who writes this journal."""

    process: int
    host: str
    started: float  # of the process, seconds since 1970


@dataclass(frozen=True, eq=False)
class Begin:
    """An annotation from here on: all 0, or what the file ``base`` holds."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    base: str = ""  # relative to the folder of the journal


@dataclass(frozen=True, eq=False)
class Facts:
    """What else is known of an annotation: its image, its classes; the newest ones count."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StrokeRecord:
    """What a box of an annotation holds after a stroke, an erasure or an undo."""

    name: str
    box: RecordBox
    values: np.ndarray
    time: float = 0.0  # seconds since 1970; 0: what was there before the first stroke


@dataclass(frozen=True, eq=False)
class Confirm:
    """Which pixels of a box were confirmed and not painted; none was, where nothing says so.

    It follows the stroke of which it tells. In the file it has the form of facts of a name that no
    annotation has: programs that do not know of it pass over it and read all the strokes.
    """

    name: str
    box: RecordBox
    pixels: np.ndarray  # bool


@dataclass(frozen=True)
class Drop:
    """An annotation that is to be kept no longer."""

    name: str


@dataclass(frozen=True)
class End:
    """The journal was closed, not cut off."""

    time: float


Record = Head | Begin | Facts | StrokeRecord | Confirm | Drop | End
_KINDS: dict[str, type[Any]] = {
    "head": Head, "begin": Begin, "facts": Facts, "stroke": StrokeRecord, "drop": Drop, "end": End,
}  # fmt: skip
_CONFIRMED = "\0confirmed"  # behind the name of an annotation; nobody can type the first of it
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(record: Record, before: str) -> tuple[bytes, str]:
    """Return the line of ``record`` and its digest; ``before`` is the digest of the last line."""
    if isinstance(record, Confirm):
        record = _as_facts(record)
    fields: dict[str, Any] = {"kind": _NAMES[type(record)], **vars(record)}
    if isinstance(record, Head):
        fields["format"] = FORMAT
    if isinstance(record, StrokeRecord):
        fields["values"] = _text(record.values)
        fields["dtype"] = record.values.dtype.str
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
    digest = _digest(text, before)
    return b"%s %s\n" % (digest.encode(), text), digest


def decode(line: bytes, before: str) -> tuple[Record, str]:
    """Return the record in ``line`` and its digest; a line that is not whole is a ValueError."""
    text = line[DIGITS + 1 : -1]
    digest = _digest(text, before)
    if line != b"%s %s\n" % (digest.encode(), text):
        raise ValueError("its digest does not match")
    fields = json.loads(text)
    kind = _KINDS[fields.pop("kind")]
    if kind is Head and fields.pop("format") != FORMAT:
        raise ValueError(f"it is of another version than {FORMAT}")
    if kind is Begin:
        fields["shape"] = tuple(fields["shape"])
    if kind is StrokeRecord:
        fields = _unpacked(fields)
    record = kind(**fields)
    if isinstance(record, Facts) and record.name.endswith(_CONFIRMED):
        return _from_facts(record), digest
    return record, digest


def _unpacked(said: dict[str, Any]) -> dict[str, Any]:
    """Return what a line says of a stroke, its values as an array; no more than fit its box."""
    box = _box(said["box"])
    dtype, shape = np.dtype(said.pop("dtype")), tuple(stop - start for start, stop in box)
    size = prod(shape) * dtype.itemsize
    if dtype.kind not in "biu" or min(shape, default=0) < 0 or size > LARGEST:
        raise ValueError(f"a stroke of {shape} {dtype} is none")
    raw = _bytes(said["values"], size)
    return {**said, "box": box, "values": np.frombuffer(raw, dtype).reshape(shape)}


def _as_facts(record: Confirm) -> Facts:
    bits = _text(np.packbits(record.pixels))
    return Facts(record.name + _CONFIRMED, {"box": record.box, "confirmed": bits})


def _from_facts(record: Facts) -> Confirm:
    box = _box(record.facts["box"])
    shape = tuple(stop - start for start, stop in box)
    if min(shape, default=0) < 0 or prod(shape) > LARGEST:
        raise ValueError(f"confirmed pixels of {shape} are none")
    raw = _bytes(record.facts["confirmed"], -(-prod(shape) // 8))
    bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=prod(shape))
    return Confirm(record.name.removesuffix(_CONFIRMED), box, bits.reshape(shape).astype(bool))


def _box(said: Any) -> RecordBox:
    return tuple((int(start), int(stop)) for start, stop in said)


def _text(values: np.ndarray) -> str:
    raw = np.ascontiguousarray(values).tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode()


def _bytes(said: str, size: int) -> bytes:
    raw = zlib.decompressobj().decompress(base64.b64decode(said), size + 1)
    if len(raw) != size:
        raise ValueError("its values do not fit its box")
    return raw


def _digest(text: bytes, before: str) -> str:
    return hashlib.sha256(before.encode() + text).hexdigest()[:DIGITS]
