"""Trainings that were cut off are found again, gone on with, or discarded."""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from napari_unet.workflows.run_folder import RunFolder
from napari_unet.workflows.training_run import run_training
from napari_unet.workflows.training_sources import DATA
from napari_unet.workflows.unfinished_runs import (
    CHECKPOINTS,
    UnfinishedRun,
    close_run,
    cut_off,
    discard,
    new_run,
    resumed,
    runs_folder,
)


@pytest.fixture
def begun(sources):
    """Return a training that was stopped at step 7."""
    recipe, folder = sources.recipe(hold_back=0.3), new_run("cells-1")
    steps = run_training(recipe, folder)
    for step in steps:
        if step.number == 7:
            break
    steps.close()
    return recipe, folder


def test_a_run_that_did_not_end_is_offered_until_it_is_closed(begun):
    _, folder = begun
    (run,) = cut_off()
    assert (run.folder, run.name, run.step) == (folder, "cells-1", 7)
    assert f"{run.begun:%H:%M}, cells-1, step 7" in str(run)
    network = close_run(folder)
    assert network == folder / "network.safetensors"
    assert network.exists()
    assert not (folder / CHECKPOINTS).exists()
    assert not (folder / DATA).exists()
    assert cut_off() == ()


def test_what_is_gone_on_with_is_the_training_that_was_begun(begun):
    recipe, folder = begun
    again = resumed(folder)
    assert (again.name, again.hold_back, again.resumed) == ("cells-1", 0.3, True)
    assert again.settings == RunFolder(folder).settings()
    assert (again.sources[0].snapshot.labels == recipe.sources[0].snapshot.labels).all()
    steps = list(run_training(replace(again, device="cpu"), folder))
    assert (steps[0].number, steps[-1].number) == (8, recipe.settings.steps)


@pytest.mark.parametrize(("noted", "share"), [(True, None), (False, 0.0), (0.2, 0.2)])
def test_what_was_held_back_is_read_in_runs_of_before_too(begun, noted, share):
    _, folder = begun
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "hold_back": noted}))
    assert resumed(folder).hold_back == share


def test_a_run_in_use_is_not_offered_and_cannot_be_discarded(begun):
    _, folder = begun
    with RunFolder(folder):
        assert cut_off() == ()
        with pytest.raises(ValueError, match="in use: wait until the training in it ends"):
            discard(folder)
    discard(folder)
    assert list(runs_folder().iterdir()) == []


def test_what_cannot_be_gone_on_with_is_not_offered(begun):
    _, folder = begun
    for path in (folder / CHECKPOINTS).rglob("manifest.json"):
        path.unlink()
    assert cut_off() == ()
    (runs_folder() / "empty").mkdir()
    (runs_folder() / "notes.txt").write_text("mine")
    assert cut_off() == ()


def test_the_newest_comes_first_and_older_ones_say_their_day(begun):
    _, folder = begun
    earlier = folder.with_name("2001-02-03 04.05.06 cells-0")
    folder.rename(earlier)
    when = datetime.now() - timedelta(days=40)
    os.utime(earlier / "settings.json", (when.timestamp(), when.timestamp()))
    (run,) = cut_off()
    assert str(run) == f"the training of {when.day} {when:%b, %H:%M}, cells-1, step 7"
    runs = sorted([run, replace(run, begun=datetime.now())], key=lambda one: one.begun)
    assert isinstance(runs[0], UnfinishedRun)
    assert runs[0] is run


def test_names_of_folders_are_taken_once_and_by_every_file_system():
    first = new_run('a/b: "c"?')
    assert first.parent == runs_folder()
    assert not set('/:"?') & set(first.name)
    assert not first.exists()
    assert len(new_run("x" * 300).name) < 100
    taken = set()
    for _ in range(3):
        made = new_run("same")
        made.mkdir()
        taken.add(made)
    assert len(taken) == 3
