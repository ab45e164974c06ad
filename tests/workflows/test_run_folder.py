"""The folder of a training: made once, used by one process at a time, and read back exactly."""

import csv
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows import run_folder
from napari_unet.workflows.run_folder import COLUMNS, RunFolder, digest_of_file


def test_a_folder_in_use_is_refused_and_one_left_behind_is_taken(tmp_path, other_process):
    folder = RunFolder(tmp_path / "x.run")
    folder.make()
    with folder, pytest.raises(FileExistsError, match=f"in use by process {os.getpid()}"):
        RunFolder(tmp_path / "x.run").__enter__()
    lock = tmp_path / "x.run" / "lock.json"
    assert not lock.exists()
    with other_process(lock) as holder:
        assert folder.in_use
        with pytest.raises(FileExistsError, match=f"in use by {holder}: wait until it ends"):
            folder.__enter__()
    assert lock.exists(), "the other process was killed"
    assert not folder.in_use
    with RunFolder(tmp_path / "x.run"):
        assert json.loads(lock.read_text())["process"] == os.getpid()


def value(work):
    """Return what a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_the_digest_of_a_folder_tells_of_each_name_and_byte(tmp_path):
    store = tmp_path / "image.zarr"
    (store / "0").mkdir(parents=True)
    (store / "0" / "a").write_bytes(b"one")
    found = {value(digest_of_file(store))}
    (store / "0" / "a").write_bytes(b"two")
    found.add(value(digest_of_file(store)))
    (store / "0" / "a").rename(store / "0" / "b")
    found.add(value(digest_of_file(store)))
    assert len(found) == 3


def test_settings_of_the_run_are_equal_after_a_round_trip(tmp_path):
    folder = RunFolder(tmp_path / "x.run")
    folder.make()
    settings = replace(TrainSettings.preset("small"), rate=1 / 3, minutes=0.1)
    folder.write_settings(settings)
    assert folder.settings() == settings


def test_the_digest_of_a_file_is_its_sha256_and_others_may_go_first(tmp_path):
    content = os.urandom(1000) * 40_000  # 40 MB: three pieces
    (tmp_path / "a").write_bytes(content)
    assert value(digest_of_file(tmp_path / "a")) == hashlib.sha256(content).hexdigest()
    assert len(list(digest_of_file(tmp_path / "a"))) == 3


def test_a_folder_that_is_there_belongs_to_another_training(tmp_path):
    folder = RunFolder.beside(Path(tmp_path / "cells.safetensors"))
    assert folder.path == tmp_path / "cells.run"
    assert folder.network == folder.path / "network.safetensors"
    folder.make()
    with pytest.raises(FileExistsError, match="was begun before: go on with it with --resume"):
        folder.make()
    with pytest.raises(FileNotFoundError, match="holds no training to resume"):
        folder.settings()


def test_facts_are_added_to_those_noted_before(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.facts() == {}
    folder.note(name="größe", steps=1)
    folder.note(steps=2, file=Path("a"))
    assert folder.facts() == {"name": "größe", "steps": 2, "file": "a"}


def test_the_curve_reads_back_exactly_and_reaches_the_disk_while_it_grows(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    first, second = {"step": 1, "loss": 0.1 + 0.2, "iou": None}, {"step": 2, "loss": 1e-300}

    def rows():
        with (tmp_path / "curve.csv").open(newline="") as file:
            return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]

    with folder:
        folder.begin_curve([first])
        monkeypatch.setattr(run_folder, "FLUSH", -1)
        folder.add_point(second)
        assert len(rows()) == 2
    assert [float(row["loss"]) for row in rows()] == [first["loss"], second["loss"]]
    assert rows()[0].keys() == {"step", "loss"}
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
