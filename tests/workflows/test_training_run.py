"""One way to train: the Train dock, the command and a script leave the same run folder."""

import csv
import json
from contextlib import closing

import numpy as np
import pytest
import tifffile
import torch
from napari.components import ViewerModel

from napari_unet import FileSource, Recipe, TrainSettings, run_training
from napari_unet.cli import main
from napari_unet.core.network.network_file import load_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.step import Step
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.trainings import Trainings
from napari_unet.workflows.training_run import training_events
from napari_unet.workflows.unfinished_runs import resumed

STEPS = 30
SETTINGS = TrainSettings.preset(
    "nano", base=4, depth=1, tile=44, steps=STEPS, minutes=0.0, precision="float32"
)
FLAGS = ["--preset", "nano", "--base", "4", "--depth", "1", "--tile", "44"]
FLAGS += ["--steps", str(STEPS), "--precision", "float32", "--device", "cpu", "--quiet"]
CLOCK = ("seconds", "date", "end", "ended", "checkpoint")  # what differs from run to run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Five annotated images, and a state folder of its own; nothing computes afterwards."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        labels = np.zeros((90, 96), np.uint16)
        for label in range(1, 8):
            row, column = rng.integers(0, 78, 2)
            labels[row : row + 12, column : column + 12] = label
        image = (rng.normal(size=labels.shape) + 4 * (labels > 0)).astype(np.float32)
        size = {"resolution": (4, 4), "resolutionunit": "NONE"}
        tifffile.imwrite(
            f"images/cell{seed}.tif", image, imagej=True, metadata={"unit": "um"}, **size
        )
        tifffile.imwrite(f"labels/cell{seed}.tif", labels)
    yield tmp_path
    assert dispatch().compute.shut_down(60.0)
    torch.set_num_threads(threads)


def recipe(**changes):
    return Recipe("cells", [FileSource("images", "labels")], SETTINGS, device="cpu", **changes)


def by_dock(qtbot, wanted, run=None):
    """Train as the Train dock does; return the folder of the run."""
    trainings = Trainings.of(Session(ViewerModel()))
    training = trainings.start(wanted, run)
    qtbot.waitUntil(lambda: not trainings.running, timeout=60_000)
    qtbot.waitUntil(lambda: not trainings.session.jobs, timeout=60_000)
    assert training.problem == ""
    return training.folder


def left(run):
    """Return what lies in a run folder, times and dates left out."""
    with (run / "curve.csv").open(newline="") as file:
        curve = [{k: v for k, v in row.items() if k not in CLOCK} for row in csv.DictReader(file)]
    network = load_network(run / "network.safetensors")
    weights = {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}
    facts = json.loads((run / "run.json").read_text())
    facts["commands"] = len(facts["commands"])
    return {
        "settings": (run / "settings.json").read_bytes(),
        "facts": without_clock(facts),
        "about": without_clock(network.about),
        "curve": curve,
        "weights": weights,
    }


def without_clock(value):
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if k not in CLOCK}
    return [without_clock(one) for one in value] if isinstance(value, list) else value


def test_dock_command_and_script_leave_the_same_run_folder(qtbot, folder):
    assert main(["train", "images", "labels", "-o", "cells.safetensors", *FLAGS]) == 0
    command = left(folder / "cells.run")
    dock = left(by_dock(qtbot, recipe()))
    steps = list(run_training(recipe(), "script.run"))
    script = left(folder / "script.run")
    for what, value in command.items():
        assert dock[what] == value, what
        assert script[what] == value, what
    assert [step.number for step in steps if step.validating is None] == list(range(1, STEPS + 1))
    assert command["facts"]["data"][0]["image_sha256"]
    assert [fact["role"] for fact in command["facts"]["data"]].count("validation") == 1
    assert command["about"]["pixel_size"] == {"Y": 0.25, "X": 0.25}


def stopped_at(step, run):
    """Train until ``step``, as if the program had ended there."""
    steps = run_training(recipe(), run)
    for one in steps:
        if one.number == step:
            break
    steps.close()


def test_what_the_dock_began_the_command_goes_on_with(folder):
    list(run_training(recipe(), "straight.run"))
    stopped_at(12, "begun.run")
    facts = json.loads((folder / "begun.run" / "run.json").read_text())
    assert (facts["stopped"], facts["steps"]) == (True, 12)
    resume = ["--run", "begun.run", "--resume", "--device", "cpu", "--quiet"]
    assert main(["train", "-o", "cells.safetensors", *resume]) == 0
    ours, straight = left(folder / "begun.run"), left(folder / "straight.run")
    assert ours["weights"] == straight["weights"]
    assert ours["curve"] == straight["curve"]
    assert ours["facts"]["commands"] == 2
    assert not json.loads((folder / "begun.run" / "run.json").read_text())["stopped"]
    assert (folder / "cells.safetensors").exists()


def test_what_was_held_back_stays_so_when_the_command_goes_on(folder):
    """Nothing was held back to validate on: going on without flags changes nothing of that."""
    whole = recipe(hold_back=0.0)
    list(run_training(whole, "straight.run"))
    with closing(run_training(whole, "begun.run")) as steps:
        next(step for step in steps if step.number == 12)
    resume = ["--run", "begun.run", "--resume", "--device", "cpu", "--quiet"]
    assert main(["train", "-o", "other.safetensors", *resume]) == 0
    ours, straight = left(folder / "begun.run"), left(folder / "straight.run")
    assert ours["weights"] == straight["weights"]
    assert ours["facts"]["name"] == "cells"
    assert ours["facts"]["hold_back"] == 0.0


def test_what_the_command_began_the_dock_goes_on_with(qtbot, folder, monkeypatch):
    list(run_training(recipe(), "straight.run"))
    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.cli.train.Interruption", interrupted_at(40))
        assert main(["train", "images", "labels", "-o", "cells.safetensors", *FLAGS]) == 130
    assert not (folder / "cells.safetensors").exists()
    assert 0 < json.loads((folder / "cells.run" / "run.json").read_text())["steps"] < STEPS
    run = by_dock(qtbot, resumed(folder / "cells.run"), folder / "cells.run")
    ours, straight = left(run), left(folder / "straight.run")
    assert ours["weights"] == straight["weights"]
    assert ours["curve"] == straight["curve"]


def test_a_training_stopped_before_its_first_step_leaves_nothing(folder, monkeypatch, capsys):
    monkeypatch.setattr("napari_unet.cli.train.Interruption", interrupted_at(12))
    assert main(["train", "images", "labels", "-o", "cells.safetensors", *FLAGS]) == 130
    assert "stopped before the first step" in capsys.readouterr().err
    assert not (folder / "cells.run").exists()


def interrupted_at(events):
    """Return what wishes to stop after so many looks."""

    class Interruption:
        looks = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        @property
        def wanted(self):
            Interruption.looks += 1
            return Interruption.looks >= events

    return Interruption


def test_what_cannot_be_trained_on_is_refused_before_anything_is_made(folder):
    for file in (folder / "labels").iterdir():
        tifffile.imwrite(file, np.zeros((90, 96), np.uint16))
    with pytest.raises(ValueError, match="belong to class 0"):
        list(run_training(recipe(hold_back=0.0), "none.run"))
    assert not (folder / "none.run").exists()


def test_the_network_gone_on_from_stays_as_it_is_and_its_normalisation_is_kept(folder):
    before = UNet.of(SETTINGS)
    before.about["normalisation"] = {"low": 5.0, "high": 95.0, "flatten": 0.0}
    weights = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    list(run_training(recipe(network=before, before="before"), "on.run"))
    assert all(torch.equal(weights[n], t) for n, t in before.state_dict().items())
    after = load_network(folder / "on.run" / "network.safetensors")
    assert after.about["normalisation"] == before.about["normalisation"]
    assert json.loads((folder / "on.run" / "run.json").read_text())["before"] == "before"


def test_files_without_a_partner_and_pixel_sizes_that_differ_are_told(folder):
    tifffile.imwrite(folder / "images" / "alone.tif", np.zeros((90, 96), np.float32))
    (folder / "images" / "cell0.tif").write_bytes((folder / "images" / "cell1.tif").read_bytes())
    image = tifffile.imread(folder / "images" / "cell1.tif")
    tifffile.imwrite(
        folder / "images" / "cell2.tif", image, imagej=True, metadata={"unit": "um"},
        resolution=(2, 2), resolutionunit="NONE",
    )  # fmt: skip
    events = training_events(recipe(), folder / "told.run")
    begun = next(event for event in events if not isinstance(event, str | Step))
    events.close()
    messages = " ".join(begun.messages)
    assert "alone" in messages
    assert "differ in pixel size" in messages
    assert "held back to validate on. They are cell" in messages
    assert begun.network.about["pixel_size"] is None
    assert not (folder / "told.run").exists()  # it was closed before anything was written
