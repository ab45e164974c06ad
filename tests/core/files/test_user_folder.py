import sys

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from napari_unet.core.files import user_folder
from napari_unet.core.files.user_folder import state_folder

ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="Windows itself is asked")


def test_the_users_own_choice_goes_first_and_the_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "napari-unet"
    assert state_folder("runs", "a").is_dir()
    assert state_folder("runs", "a") == tmp_path / "napari-unet" / "runs" / "a"


def test_a_relative_choice_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "somewhere")  # the standard: relative ones are ignored
    monkeypatch.setattr(user_folder, "user_state_path", lambda name, appauthor: tmp_path / name)
    assert state_folder("journals") == tmp_path / "napari-unet" / "journals"


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (Unix, ".local/state"),
        (MacOS, "Library/Application Support"),
        pytest.param(Windows, "AppData/Local", marks=ON_WINDOWS),
    ],
)
def test_each_system_keeps_the_place_it_has_had_from_the_first_version(
    tmp_path, monkeypatch, system, expected
):
    """What was kept by an earlier version, which had these paths written down, is still found."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData" / "Local"))
    folder = system("napari-unet", appauthor=False).user_state_path
    assert folder == tmp_path / expected / "napari-unet"


def test_a_place_that_cannot_be_made_is_named_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"could not be made .*XDG_STATE_HOME"):
        state_folder()
