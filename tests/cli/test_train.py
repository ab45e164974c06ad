"""napari-unet train: files in, a network and a run folder out; stopped, resumed, refused."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.cli import main
from napari_unet.cli.command import changed
from napari_unet.core.network.network_file import load_network
from napari_unet.core.training.settings import TrainSettings, suggest_preset
from napari_unet.workflows.run_folder import RunFolder

QUICK = ["--preset", "nano", "--base", "4", "--depth", "1", "--tile", "44", "--steps", "30"]


@pytest.fixture(autouse=True)
def one_thread():
    """Tiles this small gain nothing from more, and lose much where others compute too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def draw(seed):
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(size=(90, 96)), np.zeros((90, 96), np.uint16)
    for label in range(1, 8):
        row, column = rng.integers(0, 78, 2)
        labels[row : row + 12, column : column + 12] = label
    return (image + 4 * (labels > 0)).astype(np.float32), labels


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Five annotated images in folders, from where the command is given."""
    monkeypatch.chdir(tmp_path)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for seed in range(5):
        image, labels = draw(seed)
        tifffile.imwrite(f"images/cell{seed}.tif", image)
        tifffile.imwrite(f"labels/cell{seed}.tif", labels)
    return tmp_path


def command(*more, output="cells.safetensors"):
    return ["train", "images", "labels", "-o", output, *QUICK, *more]


def digest(path):
    weights = sorted(load_network(path).state_dict().items())
    return hashlib.sha256(
        b"".join(t.contiguous().numpy().tobytes() for _, t in weights)
    ).hexdigest()


def rows(folder):
    with (folder / "curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_from_images_to_a_network_that_says_what_it_is_for(data, capsys):
    assert main(command()) == 0
    told = capsys.readouterr()
    assert told.out.startswith("cells.safetensors: 30 steps in ")
    assert "IoU" in told.out
    assert "about 30 steps of " in told.err
    assert "kB of memory" in told.err
    assert "images are held back to validate on. They are cell" in told.err
    network = load_network("cells.safetensors")
    assert network.about["settings"]["steps"] == 30
    assert network.about["normalisation"] == {"low": 1.0, "high": 99.8, "flatten": 32.0}
    assert network.about["history"][0]["validation"]["iou"] > 0.3
    scores = network.eval().score(np.zeros((1, 60, 60), np.float32))
    assert scores.shape == (2, 44, 44)


def test_the_run_folder_holds_all_that_decided_it(data):
    assert main(command("--seed", "3", "--quiet")) == 0
    folder = data / "cells.run"
    assert {p.name for p in folder.iterdir()} == {
        "checkpoints", "curve.csv", "network.safetensors", "run.json", "settings.json",
    }  # fmt: skip
    settings = TrainSettings.from_json((folder / "settings.json").read_text())
    assert (settings.seed, settings.base, settings.steps) == (3, 4, 30)
    assert settings.precision in ("float32", "bfloat16")  # decided, so that it can be repeated
    facts = json.loads((folder / "run.json").read_text())
    assert facts["seed"] == 3
    assert facts["versions"]["torch"] == str(torch.__version__)
    assert facts["commands"][0] == sys.argv
    assert facts["steps"] == 30
    assert len(facts["data"]) == 5
    for source in facts["data"]:
        for kind in ("image", "labels"):
            content = Path(source[kind]).read_bytes()
            assert source[f"{kind}_sha256"] == hashlib.sha256(content).hexdigest()
    assert sorted(source["role"] for source in facts["data"])[-1] == "validation"
    points = rows(folder)
    assert [int(point["step"]) for point in points] == list(range(1, 31))
    assert all(np.isfinite(float(point["loss"])) for point in points)
    assert 0 < float(points[-1]["iou"]) < 1
    assert digest(folder / "network.safetensors") == digest("cells.safetensors")


def test_every_setting_is_a_flag_with_its_own_words(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    for item in fields(TrainSettings):
        assert f"--{item.name.replace('_', '-')}" in words
        if item.name != "seed":
            assert " ".join(item.metadata["about"].split()) in words


def test_flags_change_settings(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "napari_unet.cli.train.run",
        lambda arguments: seen.update(settings=changed(TrainSettings(minutes=5.0), arguments)) or 0,
    )
    flags = ["--no-skips", "--weighting", "falk", "--w0", "50", "--validation-time", "0.2"]
    assert main(["train", "i", "l", "-o", "n", *flags, "--steps", "7"]) == 0
    assert seen["settings"] == TrainSettings(
        skips=False, weighting="falk", w0=50.0, validation_time=0.2, steps=7, minutes=0.0
    )


@pytest.mark.parametrize(
    ("device", "minutes", "preset"),
    [("cpu", 10, "standard"), ("cpu", 3, "small"), ("cpu", 0.5, "nano"), ("cuda", 2, "standard")],
)
def test_the_preset_follows_from_device_and_time_and_is_said(device, minutes, preset):
    suggestion = suggest_preset(device, minutes)
    assert suggestion.preset == preset
    assert preset in suggestion.reason
    assert f"{minutes:g} min" in suggestion.reason


def refused(capsys, arguments, words):
    assert main(arguments) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("napari-unet: ")
    assert words in told


def test_nothing_is_overwritten(data, capsys):
    (data / "cells.safetensors").write_text("mine")
    refused(capsys, command(), "cells.safetensors exists already")
    assert not (data / "cells.run").exists()
    assert (data / "cells.safetensors").read_text() == "mine"
    (data / "other.run").mkdir()
    (data / "other.run" / "notes.txt").write_text("mine")
    refused(capsys, command(output="other.safetensors"), "was begun before: go on with it")
    assert [p.name for p in (data / "other.run").iterdir()] == ["notes.txt"]


def test_what_cannot_be_trained_on_is_refused_and_leaves_nothing(data, capsys):
    refused(capsys, ["train", "nowhere", "labels", "-o", "n.safetensors"], "nowhere")
    for file in (data / "labels").iterdir():
        tifffile.imwrite(file, np.zeros((90, 96), np.uint16))
    refused(capsys, command("--validate-share", "0"), "belong to class 0")
    refused(capsys, command("--resume"), "holds no training to resume")
    refused(capsys, command("--validation-images", "images"), "--validation-labels together")
    assert not (data / "cells.run").exists()
    assert not (data / "cells.safetensors").exists()


def interrupt_at(patch, step):
    """Send what Ctrl-C sends when the curve has come to ``step``."""
    add_point = RunFolder.add_point

    def add_and_press_control_c(folder, point):
        add_point(folder, point)
        if point["step"] == step:
            signal.raise_signal(signal.SIGINT)

    patch.setattr(RunFolder, "add_point", add_and_press_control_c)


def test_ctrl_c_keeps_the_network_and_resume_ends_as_if_never_stopped(data, capsys, monkeypatch):
    more = ["--steps", "150", "--quiet", "--precision", "float32"]
    assert main(command(*more, output="straight.safetensors")) == 0
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as pressed:
        interrupt_at(pressed, 40)
        assert main(command(*more)) == 130
    told = capsys.readouterr().err
    stopped = json.loads((data / "cells.run" / "run.json").read_text())["steps"]
    assert stopped == 40
    assert f"stopped at step {stopped}: the network so far is" in told
    assert "--resume" in told
    assert not (data / "cells.safetensors").exists()
    assert load_network(data / "cells.run" / "network.safetensors").about["history"]
    assert main(command(*more, "--resume")) == 0
    assert digest("cells.safetensors") == digest("straight.safetensors")
    ours, theirs = rows(data / "cells.run"), rows(data / "straight.run")
    keys = ("step", "loss", "rate", "score")
    assert [[r[k] for k in keys] for r in ours] == [[r[k] for k in keys] for r in theirs]
    assert signal.getsignal(signal.SIGINT) == before
    assert len(json.loads((data / "cells.run" / "run.json").read_text())["commands"]) == 2


def test_continue_adapts_the_network_and_says_so(data, capsys):
    assert main(command("--quiet")) == 0
    for file in (data / "labels").iterdir():
        labels = tifffile.imread(file)
        tifffile.imwrite(file, np.where(labels > 4, 2, labels > 0).astype(np.uint8))
    capsys.readouterr()
    flags = ["--preset", "nano", "--tile", "44", "--steps", "3", "--ids", "classes"]
    more = ["train", "images", "labels", "-o", "more.safetensors", *flags]
    assert main([*more, "--continue", "cells.safetensors"]) == 0
    assert "head" in capsys.readouterr().err
    network = load_network("more.safetensors")
    assert (network.classes, network.base, network.depth) == (3, 4, 1)
    assert [e["steps"] for e in network.about["history"] if "steps" in e] == [30, 3]
    assert network.about["settings"]["base"] == 4
    refused(
        capsys,
        [*more[:4], "b.safetensors", *flags, "--base", "8", "--continue", "cells.safetensors"],
        "leave out --base",
    )


def test_one_image_is_split_by_blocks_and_separate_images_are_left_whole(data, capsys):
    one = ["train", "images/cell0.tif", "labels/cell0.tif", *QUICK, "-o"]
    assert main([*one, "a.safetensors", "--validate-share", "0.3"]) == 0
    told = capsys.readouterr().err
    assert "30% of the labels are held back to validate on: a block at one end" in told
    assert "validation" in load_network("a.safetensors").about["history"][0]
    assert main([*one, "b.safetensors", "--validate-share", "0"]) == 0
    assert "nothing is validated on" in capsys.readouterr().err
    assert not load_network("b.safetensors").about["history"][0]["validation"]
    refused(capsys, [*one, "d.safetensors", "--validate-share", "1"], "between 0 and 1")
    held = ["--validation-images", "images/cell1.tif", "--validation-labels", "labels/cell1.tif"]
    assert main([*one, "c.safetensors", *held]) == 0
    facts = json.loads((data / "c.run" / "run.json").read_text())
    assert [source["role"] for source in facts["data"]] == ["training", "validation"]


def test_json_is_one_object_a_line(data, capsys):
    assert main(command("--json")) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"progress", "warning", "result"} == {line["event"] for line in told}
    (estimate,) = [line for line in told if "seconds_per_step" in line]
    assert estimate["steps"] == 30
    assert estimate["memory_bytes"] > 0
    assert told[-1]["steps"] == 30


def test_torchrun_trains_one_network(data):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    torchrun += ["--standalone", "--local-addr=127.0.0.1", "-m", "napari_unet"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, *command("--steps", "5", "--precision", "float32")],
        env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("cells.safetensors: 5 steps") == 1
    more = ["--steps", "5", "--batch", "2", "--precision", "float32"]
    assert main(command(*more, output="one.safetensors")) == 0
    pairs = zip(
        load_network("cells.safetensors").parameters(),
        load_network("one.safetensors").parameters(),
        strict=True,
    )
    assert all((a - b).abs().max() < 0.05 for a, b in pairs)  # single precision; test_ranks: double
