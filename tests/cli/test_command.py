"""The command finds its verbs, and turns what goes wrong into one sentence and a status."""

import json
import subprocess
import sys

import numpy as np
import pytest
from skimage.io import imread, imsave

from napari_unet.cli import command, main
from napari_unet.cli.command import VERBS


@pytest.fixture
def pair(tmp_path):
    """Return the files of an image and its labels: a few squares, two of them touching."""
    rng = np.random.default_rng(0)
    labels = np.zeros((150, 160), np.uint8)
    labels[20:40, 20:40], labels[20:40, 40:60], labels[90:120, 90:130] = 1, 2, 3
    image = (rng.normal(60, 8, labels.shape) + 90 * (labels > 0)).clip(0, 255).astype(np.uint8)
    files = tmp_path / "cells.png", tmp_path / "cells_labels.png"
    for file, array in zip(files, (image, labels), strict=True):
        imsave(file, array, check_contrast=False)
    return files


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "--seed" in shown
    assert "--device" in shown


def test_usage_errors_are_status_two(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["paint"])
    assert stopped.value.code == 2
    assert "invalid choice: 'paint'" in capsys.readouterr().err


def test_an_error_is_one_sentence_and_status_one(tmp_path, capsys):
    missing = tmp_path / "none.png"
    assert main(["check", str(missing), str(missing)]) == 1
    shown = capsys.readouterr().err.strip()
    assert "none.png" in shown
    assert "\n" not in shown


def test_check_tells_what_is_wrong_and_fails_on_errors(pair, capsys):
    assert main(["check", *map(str, pair), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["errors"] == 0
    assert lines[-1]["text"] == "1 annotated image checked, 0 errors"
    assert any("touch" in line["text"] for line in lines)
    assert (
        main(["check", str(pair[0]), str(pair[1]), "--zero", "unlabelled", "--ids", "classes"]) == 0
    )
    imsave(pair[1], np.zeros((150, 100), np.uint8), check_contrast=False)
    assert main(["check", *map(str, pair)]) == 1
    assert "150" in capsys.readouterr().out


def test_preview_draws_one_picture_and_overwrites_none(pair, tmp_path, capsys):
    output = tmp_path / "sample.png"
    line = ["preview", *map(str, pair), "-o", str(output)]
    assert main(line) == 0
    shown = imread(output)
    assert shown.shape[0] > 572  # two rows of panels, the input tile in the first
    for drawn in ((0, 200, 255), (255, 214, 10)):  # the frame of the output, the deformed grid
        assert 1000 < (shown == drawn).all(axis=-1).sum() < shown[..., 0].size / 4
    bright = np.abs(shown[600:].astype(int) - (252, 255, 164)).sum(axis=-1) < 12
    assert bright.any()  # the highest weight
    assert main(line) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*line[:-1], str(tmp_path / "sample.jpg")]) == 1
    assert "sample.jpg does not end in .png" in capsys.readouterr().err
    assert not (tmp_path / "sample.jpg").exists()


def test_the_module_runs_as_a_command():
    command = [sys.executable, "-m", "napari_unet", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0.1.0\n"


def test_control_c_is_one_word_from_the_first_moment_on(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_parser", interrupted)
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "napari-unet: interrupted\n"
