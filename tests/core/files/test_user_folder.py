import sys
from pathlib import Path

import pytest

from napari_unet.core.files.user_folder import state_folder


def test_the_users_own_choice_goes_first_and_the_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "napari-unet"
    assert state_folder("runs", "a").is_dir()
    assert state_folder("runs", "a") == tmp_path / "napari-unet" / "runs" / "a"


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", ".local/state"),
        ("darwin", "Library/Application Support"),
        ("win32", "AppData/Local"),
    ],
)
def test_each_system_has_its_place_and_a_relative_choice_is_none(
    tmp_path, monkeypatch, platform, expected
):
    monkeypatch.setenv("XDG_STATE_HOME", "somewhere")  # the standard: relative ones are ignored
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    assert state_folder("journals") == tmp_path / expected / "napari-unet" / "journals"


def test_a_place_that_cannot_be_made_is_named_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"could not be made .*XDG_STATE_HOME"):
        state_folder()
