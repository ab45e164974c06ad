"""Checkpoints give back what was written, or are named and passed over; nothing in between."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unet.core.training.checkpoint import Checkpoints
from napari_unet.core.training.snapshot import Snapshot
from napari_unet.core.training.step import TrainingProgress

FACTS = {"settings": {"rate": 0.1}, "dtype": "float32"}


def snapshot(number):
    draw = torch.Generator().manual_seed(number)
    progress = TrainingProgress(
        tile=44, number=number, seconds=number / 3, best=0.1 * number, stale=2
    )
    for step in range(1, number + 1):
        loss = torch.rand((), generator=draw).item()
        progress.note(step, loss, 1e-3 / 3)
        progress.guard.sees(loss, 0.7)
    progress.validations.append({"score": 0.1 * number, "step": number})
    tensors = {
        "weights.head.weight": torch.rand(2, 4, 3, 3, generator=draw).contiguous(
            memory_format=torch.channels_last
        ),
        "optimiser.0.step": torch.tensor(float(number)),
        "average.head.weight": torch.rand(2, 4, generator=draw, dtype=torch.float64),
    }
    return Snapshot(tensors, progress, {"head.weight": torch.rand(3, generator=draw)})


def same(one, other):
    named = [{**s.tensors, **{f"best {n}": t for n, t in s.best.items()}} for s in (one, other)]
    return (
        named[0].keys() == named[1].keys()
        and all(
            torch.equal(named[0][n], named[1][n]) and named[0][n].dtype == named[1][n].dtype
            for n in named[0]
        )
        and one.progress.to_dict() == other.progress.to_dict()
        and one.progress.curve == other.progress.curve
    )


@pytest.fixture
def written(tmp_path):
    """Checkpoints of the steps 10 and 20."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for number in (10, 20):
        checkpoints.write(snapshot(number), FACTS)
    return checkpoints


def test_what_was_written_comes_back(written):
    found = written.newest()
    assert same(found.snapshot, snapshot(20))
    assert found.damaged == ()
    assert {key: found.facts[key] for key in FACTS} == FACTS
    assert found.facts["versions"]["threads"] == torch.get_num_threads()


def test_a_training_that_has_not_begun_comes_back(tmp_path):
    start = Snapshot({}, TrainingProgress(tile=44), {})
    Checkpoints(tmp_path / "new").write(start, FACTS)
    assert same(Checkpoints(tmp_path / "new").newest().snapshot, start)


def test_two_are_kept(written):
    for number in (30, 40):
        written.write(snapshot(number), FACTS)
    assert sorted(p.name for p in written.folder.iterdir()) == ["000000030", "000000040"]


def test_one_without_a_manifest_does_not_count(written):
    (written.folder / "000000020" / "manifest.json").unlink()
    found = written.newest()
    assert found.snapshot.progress.number == 10
    assert found.damaged == ()
    written.write(snapshot(20), FACTS)  # the place it left is taken again
    assert same(written.newest().snapshot, snapshot(20))


def mutants(data, rng):
    """Truncated, with a bit turned, with bytes zeroed, swapped, longer, and empty."""
    place = int(rng.integers(len(data)))
    turned = bytearray(data)
    turned[place] ^= 1 << int(rng.integers(8))
    zeroed = bytearray(data)
    zeroed[place : place + 64] = bytes(len(zeroed[place : place + 64]))
    return [data[:place], bytes(turned), bytes(zeroed), data[place:], data + b"\0", b""]


def test_no_damage_is_ever_loaded(written):
    """Every mutant of every file: the checkpoint before is used, and the damaged one is named."""
    rng, tried = np.random.default_rng(0), 0
    newest = written.folder / "000000020"
    for file in sorted(newest.iterdir()):
        whole = file.read_bytes()
        for _ in range(30):
            for mutant in mutants(whole, rng):
                if mutant == whole:
                    continue
                file.write_bytes(mutant)
                found = written.newest()
                assert same(found.snapshot, snapshot(10)), file
                assert str(newest) in found.damaged[0]
                assert "\n" not in found.damaged[0]
                tried += 1
        file.write_bytes(whole)
    assert tried > 400
    assert same(written.newest().snapshot, snapshot(20))


def test_a_missing_file_is_damage(written):
    (written.folder / "000000020" / "tensors.safetensors").unlink()
    found = written.newest()
    assert found.snapshot.progress.number == 10
    assert "tensors.safetensors" in found.damaged[0]


def test_when_none_is_whole_all_are_named(written):
    for place in written.folder.iterdir():
        (place / "facts.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"000000020.*000000010"):
        written.newest()
    with pytest.raises(ValueError, match="it holds none"):
        Checkpoints(written.folder / "nowhere").newest()


def test_a_newer_format_is_refused_in_words(written):
    manifest = written.folder / "000000020" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
    assert "its format is 2" in written.newest().damaged[0]


def test_a_damaged_one_is_written_again_when_its_step_comes(written):
    (written.folder / "000000020" / "facts.json").write_bytes(b"{}")
    written.write(snapshot(20), FACTS)
    assert same(written.newest().snapshot, snapshot(20))


CALLS = [(os, "fsync"), (os, "link"), (Path, "mkdir"), (Path, "write_bytes"), (Path, "open")]


class Failing:
    """Lets the calls that write fail from the n-th on, as a full disk does."""

    def __init__(self, monkeypatch, first):
        self.count, self.first = 0, first
        for owner, name in CALLS:
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, call):
        def counting(*given, **named):
            self.count += 1
            if self.count >= self.first:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*given, **named)

        return counting


def test_a_disk_that_is_full_at_any_call_leaves_a_whole_one(tmp_path):
    """For n = 1, 2, …: all calls from the n-th on fail, until none of them does."""
    for first in range(1, 100):
        checkpoints, said = Checkpoints(tmp_path / str(first)), ""
        checkpoints.write(snapshot(10), FACTS)
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch, first)
            try:
                checkpoints.write(snapshot(20), FACTS)
            except OSError as error:
                said = str(error)
        found = checkpoints.newest().snapshot
        if not said:
            break
        assert "\n" not in said
        assert any(same(found, snapshot(number)) for number in (10, 20))
    assert same(found, snapshot(20))
    assert first > 9  # that many calls were made to fail
