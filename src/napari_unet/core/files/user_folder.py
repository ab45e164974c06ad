"""The user's folder for files that must outlive a crash: stroke journals, unfinished trainings.

The folder for temporary files will not do: a restart empties it, just when the journal is wanted.
"""

import os
import sys
from pathlib import Path

NAME = "napari-unet"


def state_folder(*parts: str) -> Path:
    """The folder `parts` in this user's state folder of napari-unet, made if it is missing."""
    folder = _base().joinpath(NAME, *parts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OSError(
            f"{folder} could not be made ({error.strerror}): free space on the disk, or name "
            "another folder in the environment variable XDG_STATE_HOME."
        ) from error
    return folder


def _base() -> Path:
    """Where this system keeps the state of programs; an absolute XDG_STATE_HOME goes first."""
    named = os.environ.get("XDG_STATE_HOME", "")
    if Path(named).is_absolute():
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"
