"""A line of a journal is read as it was written, and a line that was changed is noticed."""

import base64
import hashlib
import json
import zlib

import numpy as np
import pytest

from napari_unet.workflows.journal_records import (
    DIGITS,
    FORMAT,
    Begin,
    Confirm,
    Drop,
    End,
    Facts,
    Head,
    StrokeRecord,
    decode,
    encode,
)

BOX = ((1, 4), (2, 9))
VALUES = np.random.default_rng(0).integers(0, 200, (3, 7))
RECORDS = [
    Head(12, "host", 17.5),
    Begin("größe", (4, 5, 6), "<u2", "a.tif"),
    Facts("a", {"layer": "cells", "classes": [{"name": "x"}]}),
    *(StrokeRecord("a", BOX, VALUES.astype(kind), 3.5) for kind in ("u1", "<i8", ">u2")),
    StrokeRecord("a", BOX, VALUES > 100),
    Confirm("a", BOX, VALUES > 100),
    Drop("a"),
    End(5.5),
]


def said(record):
    """Return the fields of a record, arrays as their type and values."""
    return {
        name: (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in vars(record).items()
    }


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_what_is_written_is_read(record):
    line, digest = encode(record, "before")
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    found, again = decode(line, "before")
    assert again == digest
    assert type(found) is type(record)
    assert said(found) == said(record)


def test_a_line_counts_after_the_one_before_it_alone():
    line, _ = encode(Drop("a"), "one")
    with pytest.raises(ValueError, match="digest"):
        decode(line, "another")


def test_every_changed_byte_is_noticed():
    line, _ = encode(Facts("a", {"b": 1}), "")
    for place in range(len(line)):
        changed = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        with pytest.raises(ValueError, match="digest"):
            decode(changed, "")
    with pytest.raises(ValueError, match="digest"):
        decode(line[:-1], "")


def signed(**fields):
    """Return a line with a digest that matches, whatever it says."""
    text = json.dumps(fields).encode()
    return b"%s %s\n" % (hashlib.sha256(text).hexdigest()[:DIGITS].encode(), text)


def packed(size):
    return base64.b64encode(zlib.compress(bytes(size))).decode()


HEAD = {"kind": "head", "process": 1, "host": "h", "started": 0}
CONFIRM = {"kind": "facts", "name": "a\0confirmed"}
STROKE = {"kind": "stroke", "name": "a", "time": 1.0, "dtype": "|u1"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**HEAD, "format": FORMAT + 1}, "version"),
        ({**STROKE, "box": [[0, 2]], "values": packed(3)}, "do not fit"),
        ({**STROKE, "box": [[0, 2]], "values": packed(1)}, "do not fit"),
        ({**STROKE, "box": [[0, 2]], "values": packed(2**24)}, "do not fit"),
        ({**STROKE, "box": [[2, 0]], "values": packed(2)}, "is none"),
        ({**STROKE, "box": [[0, 2**40]], "values": packed(2)}, "is none"),
        ({**STROKE, "box": [[0, 2]], "values": packed(16), "dtype": "<f8"}, "is none"),
        ({**CONFIRM, "facts": {"box": [[0, 2**40]], "confirmed": ""}}, "are none"),
    ],
)  # fmt: skip
def test_what_a_line_claims_is_not_believed(fields, words):
    with pytest.raises(ValueError, match=words):
        decode(signed(**fields), "")


def test_other_programs_read_confirmed_pixels_as_facts_of_no_annotation():
    line, _ = encode(Confirm("a", BOX, VALUES > 100), "")
    fields = json.loads(line[DIGITS + 1 :])
    assert (fields["kind"], fields["name"]) == ("facts", "a\0confirmed")
    bits = zlib.decompress(base64.b64decode(fields["facts"]["confirmed"]))
    np.testing.assert_array_equal(
        np.unpackbits(np.frombuffer(bits, np.uint8), count=21).reshape(3, 7), VALUES > 100
    )
