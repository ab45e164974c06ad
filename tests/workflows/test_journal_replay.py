"""A journal is read up to its first line that is not whole, and what is before it counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.files.lock import lock, unlock
from napari_unet.workflows.journal_records import (
    Begin,
    Confirm,
    Drop,
    End,
    Facts,
    Head,
    StrokeRecord,
    encode,
)
from napari_unet.workflows.journal_replay import lock_of, read_head, replay

SHAPE = (60, 80)
HEAD = Head(1, "here", 0.0)


def lines(*records):
    """Return the bytes of a journal of these records."""
    written, digest = [], ""
    for record in records:
        line, digest = encode(record, digest)
        written.append(line)
    return b"".join(written)


def painted(count):
    """Return strokes in random boxes, and the labels after each, the beginning first."""
    rng, strokes = np.random.default_rng(0), []
    labels = np.zeros(SHAPE, np.uint8)
    states = [labels.copy()]
    for _ in range(count):
        low = [int(rng.integers(edge)) for edge in SHAPE]
        box = tuple((a, int(rng.integers(a, e)) + 1) for a, e in zip(low, SHAPE, strict=True))
        place = tuple(slice(*edges) for edges in box)
        labels[place] = rng.integers(0, 4, labels[place].shape)
        strokes.append(StrokeRecord("a", box, labels[place].copy(), 1.0))
        states.append(labels.copy())
    return strokes, states


@pytest.fixture(scope="module")
def kept_journal(tmp_path_factory):
    strokes, states = painted(10)
    data = lines(HEAD, Begin("a", SHAPE, "|u1"), Facts("a", {}), *strokes)
    return data, states, tmp_path_factory.mktemp("damaged") / "damaged.journal"


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_damaged_journal_gives_what_was_painted_before_the_damage(kept_journal, seed):
    """500 files cut short, changed, with bytes or whole lines lost, doubled or exchanged."""
    data, states, path = kept_journal
    rng = np.random.default_rng(seed)
    path.write_bytes(_damaged(data, rng))
    found = replay(path)
    assert found.whole + found.torn == path.stat().st_size
    if "a" not in found.annotations:
        assert found.whole < len(b"".join(data.splitlines(keepends=True)[:2]))
        return
    count = found.annotations["a"].strokes
    np.testing.assert_array_equal(found.annotations["a"].labels, states[count])
    assert data.startswith(path.read_bytes()[: found.whole])


def _damaged(data, rng):
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 60))
    lines = data.splitlines(keepends=True)
    one, other = rng.integers(len(lines), size=2)
    kind = int(rng.integers(6))
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]
    if kind == 2:
        return data[:place] + data[place + length :]
    if kind == 3:
        return data[:place] + rng.bytes(length) + data[place:]
    if kind == 4:
        return b"".join(line for number, line in enumerate(lines) if number != one)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


OLD = b"""\
8ec11e770b69a911 {"kind":"head","process":5455,"host":"vm","started":1795887771.47,"format":1}
83ce2e8b9c61e920 {"kind":"begin","name":"a","shape":[4,5],"dtype":"|u1","base":""}
42bd3d8a38bfd74c {"kind":"facts","name":"a","facts":{"layer":"cells"}}
f10feaaa8a130dc5 {"kind":"stroke","name":"a","box":[[1,3],[2,5]],\
"values":"eAFjZGJgYmIEAAAhAAk=","time":1795887772.5896919,"dtype":"|u1"}
68408781bfa9c7b8 {"kind":"end","time":1795887772.5897005}
"""  # of the program before it knew of confirmed pixels


def test_a_journal_of_before_is_replayed(tmp_path):
    (tmp_path / "old.journal").write_bytes(OLD)
    found = replay(tmp_path / "old.journal")
    expected = np.zeros((4, 5), np.uint8)
    expected[1:3, 2:5] = [[1, 2, 0], [2, 2, 1]]
    np.testing.assert_array_equal(found.annotations["a"].labels, expected)
    assert not found.annotations["a"].confirmed
    assert (found.torn, found.ended) == (0, True)


BOX = ((0, 2), (1, 3))
STROKE = StrokeRecord("a", BOX, np.full((2, 2), 5, np.uint8), 3.0)


def replayed(tmp_path, *records):
    (tmp_path / "a.journal").write_bytes(lines(*records))
    return replay(tmp_path / "a.journal")


def test_each_record_does_its_part(tmp_path):
    start = (HEAD, Begin("a", (4, 5), "|u1"), Begin("b", (1,), "<i4"))
    confirmed = np.eye(2, dtype=bool)
    found = replayed(
        tmp_path, *start, Facts("a", {"x": 1}), STROKE, Confirm("a", BOX, confirmed), Drop("b"),
        Facts("b", {"x": 2}),
    )  # fmt: skip
    assert list(found.annotations) == ["a"]
    kept = found.annotations["a"]
    assert (kept.facts, kept.strokes, kept.time) == ({"x": 1}, 1, 3.0)
    expected = np.zeros((4, 5), np.uint8)
    expected[:2, 1:3] = 5
    np.testing.assert_array_equal(kept.labels, expected)
    np.testing.assert_array_equal(kept.confirmed.whole()[:2, 1:3], confirmed)
    assert kept.confirmed.whole().sum() == 2
    assert not found.ended
    again = replayed(tmp_path, *start, STROKE, Confirm("a", BOX, confirmed), STROKE, End(4.0))
    assert not again.annotations["a"].confirmed, "a stroke over them paints what was confirmed"
    assert again.ended


@pytest.mark.parametrize(
    "wrong",
    [
        HEAD,  # it comes once
        StrokeRecord("b", BOX, np.zeros((2, 2), np.uint8)),  # of no annotation
        StrokeRecord("a", ((3, 5), (0, 1)), np.zeros((2, 1), np.uint8)),  # outside
        StrokeRecord("a", ((0, 1),), np.zeros(1, np.uint8)),  # of other axes
        Confirm("a", ((0, 1), (0, 9)), np.zeros((1, 9), bool)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_that_fits_nothing_ends_what_counts(tmp_path, wrong):
    before = (HEAD, Begin("a", (4, 5), "|u1"), STROKE)
    found = replayed(tmp_path, *before, wrong, End(4.0))
    assert found.whole == len(lines(*before))
    assert found.torn > 0
    assert not found.ended


def test_a_journal_begins_with_its_head(tmp_path):
    assert replayed(tmp_path, Begin("a", (4, 5), "|u1")).whole == 0
    (tmp_path / "a.journal").write_bytes(lines(HEAD, Begin("a", (4, 5), "|u1")))
    found = read_head(tmp_path / "a.journal")
    assert found.head == HEAD
    assert found.annotations == {}
    (tmp_path / "a.journal").write_bytes(b"")
    assert read_head(tmp_path / "a.journal").head is None


def test_whoever_has_it_open_is_known(tmp_path, other_process):
    found = replayed(tmp_path, HEAD)
    assert not found.alive()
    assert lock(lock_of(found.path)) == ""
    try:
        assert found.alive()
        assert found.written_elsewhere() == ""
    finally:
        unlock(lock_of(found.path))
    with other_process(lock_of(found.path)):
        assert "process" in found.written_elsewhere()
        assert replayed(tmp_path, HEAD, End(1.0)).written_elsewhere() == ""


def test_a_file_that_it_begins_with_and_that_does_not_fit_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no image")
    found = replayed(tmp_path, HEAD, Begin("a", (4, 5), "|u1", "a.tif"), STROKE)
    assert found.missing == ("a.tif",)
    assert found.annotations["a"].labels.sum() == 20, "strokes count all the same"
