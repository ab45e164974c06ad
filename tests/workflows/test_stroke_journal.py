"""The journal of strokes: what is replayed is what was painted, up to where the file is whole."""

import base64
import json
import os
import stat
import sys
import time
import zlib

import numpy as np
import pytest

from napari_unet.core.files.label_file import write_labels
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.journal_replay import read_head, replay
from napari_unet.workflows.stroke_journal import Journal, beginning

SHAPE = (60, 80)


def painted(journal, count, seed=0, name="a"):
    """Paint ``count`` random boxes and return the labels after each, the beginning first."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    states = [labels.copy()]
    for _ in range(count):
        low = [int(rng.integers(edge)) for edge in SHAPE]
        box = tuple(slice(a, int(rng.integers(a, e)) + 1) for a, e in zip(low, SHAPE, strict=True))
        labels[box] = rng.integers(0, 4, labels[box].shape)
        journal.stroke(name, box, labels[box])
        states.append(labels.copy())
    return states


@pytest.fixture
def written(tmp_path):
    """Return a journal of 30 strokes and the labels after each."""
    journal = Journal(tmp_path / "strokes.journal")
    journal.begin("a", np.zeros(SHAPE, np.uint8), {"image": "cells"})
    states = painted(journal, 30)
    assert journal.flush()
    return journal, states


def test_what_is_replayed_is_what_was_painted(written):
    journal, states = written
    found = replay(journal.path)
    np.testing.assert_array_equal(found.annotations["a"].labels, states[-1])
    assert found.annotations["a"].facts == {"image": "cells"}
    assert found.strokes == 30
    assert (found.torn, found.ended) == (0, False)
    assert found.alive()
    assert read_head(journal.path).head.process == os.getpid()
    text = journal.path.read_text(encoding="ascii").splitlines()  # anybody can open it
    assert '"kind":"stroke","name":"a","box":[[' in text[-1]
    assert time.time() - found.annotations["a"].time < 60
    assert journal.close()
    assert replay(journal.path).ended


def test_strokes_reach_the_disk_without_being_asked(tmp_path):
    journal = Journal(tmp_path / "strokes.journal")
    journal.begin("a", np.zeros(SHAPE, np.uint8), {})
    states = painted(journal, 3)
    until = time.monotonic() + 20
    while replay(journal.path).strokes < 3:
        assert time.monotonic() < until
        time.sleep(0.05)
    np.testing.assert_array_equal(replay(journal.path).annotations["a"].labels, states[-1])


def test_flush_syncs_the_file_after_the_last_byte_is_written(tmp_path, monkeypatch):
    """Without it a power cut takes what ``flush`` has reported as written."""
    journal, sizes, sync = Journal(tmp_path / "strokes.journal"), [], os.fsync

    def recorded(handle):
        sizes.append(os.fstat(handle).st_size)
        sync(handle)

    monkeypatch.setattr(os, "fsync", recorded)
    journal.begin("a", np.zeros(SHAPE, np.uint8), {})
    painted(journal, 3)
    assert journal.flush()
    assert sizes[-1:] == [journal.path.stat().st_size]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_an_annotation_that_exists_already_is_kept_whole(tmp_path, dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 100, (2, 1100, 1050)).astype(dtype)
    labels[0] = 0
    journal = Journal(tmp_path / "strokes.journal")
    journal.begin("volume", labels, {})
    journal.begin("gone", labels, {})
    journal.drop("gone")
    before = labels.copy()
    labels[:] = 7  # painted on at once: the journal has its own copy
    journal.describe("volume", {"classes": ["x"]})
    journal.close()
    found = replay(journal.path)
    assert list(found.annotations) == ["volume"]
    kept = found.annotations["volume"]
    assert kept.labels.dtype == dtype
    np.testing.assert_array_equal(kept.labels, before)
    assert (kept.strokes, kept.facts) == (0, {"classes": ["x"]})


def test_it_may_begin_with_a_file(tmp_path):
    labels = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint16).reshape(SHAPE)
    write_labels(tmp_path / "a.tif", labels, axes="YX")
    start = beginning("a", labels, {}, base="a.tif")
    journal = Journal(tmp_path / "strokes.journal", start=start)
    journal.stroke("a", (slice(0, 2), slice(0, 3)), np.zeros((2, 3), np.uint16))
    journal.close()
    labels[:2, :3] = 0
    np.testing.assert_array_equal(replay(journal.path).annotations["a"].labels, labels)
    assert journal.path.stat().st_size < 2000
    (tmp_path / "a.tif").unlink()
    assert replay(journal.path).missing == ("a.tif",)


def test_a_long_journal_is_rewritten_short(tmp_path):
    journal = Journal(tmp_path / "strokes.journal", compact_from=30_000)
    journal.begin("a", np.zeros(SHAPE, np.uint8), {"image": "cells"})
    longest = 0
    for seed in range(6):
        states = painted(journal, 20, seed)
        journal.stroke("a", tuple(slice(0, e) for e in SHAPE), states[-1])
        assert journal.flush()
        longest = max(longest, journal.path.stat().st_size)
        found = replay(journal.path)
        np.testing.assert_array_equal(found.annotations["a"].labels, states[-1])
        assert found.annotations["a"].facts == {"image": "cells"}
        assert found.torn == 0
    assert longest < 100_000
    assert found.annotations["a"].time > 0


ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere"
)


@pytest.mark.parametrize("broken", [pytest.param("refused", marks=ROOT), "away"])
def test_a_journal_that_cannot_be_written_says_so_and_tries_again(written, broken):
    journal, _ = written
    aside = journal.path.with_name("aside")
    if broken == "refused":
        journal.path.chmod(stat.S_IREAD)
    else:
        journal.path.rename(aside)
    journal.stroke("a", (slice(0, 1), slice(0, 1)), np.full((1, 1), 200, np.uint8))
    assert not journal.flush()
    assert journal.problem.startswith("Strokes are not being kept: ")
    if broken == "refused":
        journal.path.chmod(0o600)
    else:
        aside.rename(journal.path)
    until = time.monotonic() + 20
    while journal.problem:
        assert time.monotonic() < until
        time.sleep(0.05)
    found = replay(journal.path)
    assert found.annotations["a"].labels[0, 0] == 200
    assert found.strokes == 31


def test_a_line_cut_short_by_a_full_disk_is_written_over(written):
    journal, states = written
    with journal.path.open("ab") as file:
        file.write(b"0123456789abcdef {half a li")
    assert replay(journal.path).torn == 27
    journal.stroke("a", (slice(0, 1), slice(0, 1)), np.full((1, 1), 9, np.uint8))
    assert journal.flush()
    found = replay(journal.path)
    assert (found.torn, found.strokes) == (0, 31)
    states[-1][0, 0] = 9
    np.testing.assert_array_equal(found.annotations["a"].labels, states[-1])


def test_no_journal_takes_the_place_of_another(written):
    journal, _ = written
    with pytest.raises(FileExistsError):
        Journal(journal.path)


def confirming(journal, count, seed=0):
    """Paint and confirm random boxes; return the labels and what is confirmed after the last."""
    rng = np.random.default_rng(seed)
    labels, confirmed = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, bool)
    for _ in range(count):
        low = [int(rng.integers(edge)) for edge in SHAPE]
        box = tuple(slice(a, int(rng.integers(a, e)) + 1) for a, e in zip(low, SHAPE, strict=True))
        labels[box] = rng.integers(0, 3, labels[box].shape)
        confirmed[box] = (labels[box] > 0) & (rng.random(labels[box].shape) < rng.integers(2) / 2)
        journal.stroke("a", box, labels[box], confirmed[box])
    return labels, confirmed


@pytest.mark.parametrize("shorter", [False, True])
def test_what_was_confirmed_is_replayed(tmp_path, shorter):
    whole = np.zeros(SHAPE, bool)
    whole[:3] = True
    journal = Journal(tmp_path / "strokes.journal", compact_from=1 if shorter else 2**26)
    journal.begin("a", np.ones(SHAPE, np.uint8), {}, Confirmed.of(whole))
    assert journal.flush()
    kept = replay(journal.path).annotations["a"]
    np.testing.assert_array_equal(kept.confirmed.whole(), whole)
    journal.begin("a", np.zeros(SHAPE, np.uint8), {"layer": "cells"})
    labels, confirmed = confirming(journal, 20)
    assert journal.flush()
    found = replay(journal.path)
    kept = found.annotations["a"]
    assert 0 < confirmed.sum() < (labels > 0).sum()
    np.testing.assert_array_equal(kept.labels, labels)
    np.testing.assert_array_equal(kept.confirmed.whole(), confirmed)
    assert (found.torn, kept.facts) == (0, {"layer": "cells"})


def test_a_program_that_knows_nothing_of_confirming_reads_all_strokes(tmp_path):
    """To it a line of confirmed pixels is one of facts, of an annotation that it does not have."""
    journal = Journal(tmp_path / "strokes.journal")
    journal.begin("a", np.zeros(SHAPE, np.uint8), {"layer": "cells"})
    expected, _ = confirming(journal, 20)
    journal.close()
    labels, facts = {}, {}
    for line in journal.path.read_text(encoding="ascii").splitlines():
        said = json.loads(line[17:])
        kind = said.pop("kind")
        if kind == "begin":
            assert said.keys() == {"name", "shape", "dtype", "base"}
            labels[said["name"]] = np.zeros(said["shape"], said["dtype"])
        elif kind == "facts":
            assert said.keys() == {"name", "facts"}
            if said["name"] in labels:
                facts[said["name"]] = said["facts"]
        elif kind == "stroke":
            assert said.keys() == {"name", "box", "values", "time", "dtype"}
            raw = zlib.decompress(base64.b64decode(said["values"]))
            box = tuple(slice(*edges) for edges in said["box"])
            labels[said["name"]][box].flat = np.frombuffer(raw, said["dtype"])
        else:
            assert kind in ("head", "end")
    assert facts == {"a": {"layer": "cells"}}
    np.testing.assert_array_equal(labels["a"], expected)
