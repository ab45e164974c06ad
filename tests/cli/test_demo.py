"""The demo without a window, and what is said where there is none."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from napari_unet.cli import main
from napari_unet.cli import open as open_verb
from napari_unet.widgets.evaluate.figures import ERRORS


def test_without_a_window_it_trains_segments_scores_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--headless", "--seconds", "3", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    results = [one for one in told if one["event"] == "result"]
    assert results[0]["steps"] >= 1
    assert results[1]["truth"] == 133
    measured = {one["measure"]: one["pooled"] for one in results if "measure" in one}
    assert {"average_precision", "iou", "seg", "v_rand"} <= set(measured)
    path = tmp_path / "napari-unet-demo.png"
    assert results[-1]["picture"] == str(path)
    with Image.open(path) as picture:
        assert picture.width > 1000
        assert picture.height > 800
    (tmp_path / "mine.png").write_bytes(b"")
    assert main(["demo", "--headless", "-o", "mine.png"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["demo", "--headless", "--seconds", "0"]) == 1
    assert "--seconds is 0" in capsys.readouterr().err


def test_the_errors_have_the_words_of_core():
    from napari_unet.core.evaluation.error_objects import KINDS

    assert tuple(words.name for words in ERRORS) == KINDS


def test_where_there_is_no_display_it_says_so():
    """In a process of its own: Qt would end this one."""
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    for command in ([], ["open"]):
        done = subprocess.run(
            [sys.executable, "-m", "napari_unet", *command],
            env=bare | {"QT_QPA_PLATFORM": ""}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr == (
            "napari-unet: There is no display here (DISPLAY is not set), so no window can be "
            "opened. 'napari-unet --help' lists what works without one\n"
        )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of X11")
def test_a_display_that_does_not_answer_is_none(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("DISPLAY", ":54321")
    assert open_verb.no_window().startswith("The display :54321 does not answer")
    monkeypatch.setenv("DISPLAY", "nonsense")
    assert "nonsense" in open_verb.no_window()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert open_verb.no_window() == ""
    monkeypatch.setattr(open_verb, "find_spec", lambda name: None)
    assert open_verb.no_window().startswith("napari is not installed here")
    monkeypatch.setattr(open_verb, "find_spec", lambda name: "napari" if name == "napari" else None)
    assert open_verb.no_window().startswith("Qt is not installed here")


def test_a_missing_file_is_named_before_a_window_opens(tmp_path, capsys):
    assert main(["open", str(tmp_path / "none.tif")]) == 1
    assert "none.tif" in capsys.readouterr().err
