"""The user's folder for files that must outlive a crash: stroke journals, unfinished trainings.

The folder for temporary files will not do: a restart empties it, just when the journal is wanted.
"""

import os
from pathlib import Path

from platformdirs import user_state_path

NAME = "napari-unet"


def state_folder(*parts: str) -> Path:
    """The folder `parts` in this user's state folder of napari-unet, made if it is missing."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))  # goes first on every system
    base = named / NAME if named.is_absolute() else user_state_path(NAME, appauthor=False)
    folder = base.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OSError(
            f"{folder} could not be made ({error.strerror}): free space on the disk, or name "
            "another folder in the environment variable XDG_STATE_HOME."
        ) from error
    return folder
