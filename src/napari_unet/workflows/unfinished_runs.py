"""The folders of trainings in the user's own state folder, and which of them were cut off.

A run is open until the session has taken over its network. A run that is open although no process
trains in it was cut off by a crash, or by closing napari.
"""

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_unet.core.files.user_folder import state_folder
from napari_unet.workflows.run_folder import RunFolder
from napari_unet.workflows.training_sources import DATA, Recipe, sources_of

FOLDER = "runs"
CHECKPOINTS, MANIFEST = "checkpoints", "manifest.json"


@dataclass(frozen=True)
class UnfinishedRun:
    """A training that can be gone on with."""

    folder: Path
    name: str  # of its network
    begun: datetime
    step: int  # of its newest checkpoint

    def __str__(self) -> str:
        when = self.begun.strftime("%H:%M")
        if self.begun.date() != datetime.now().date():
            when = f"{self.begun.day} {self.begun.strftime('%b, %H:%M')}"
        return f"the training of {when}, {self.name}, step {self.step}"


def runs_folder() -> Path:
    """Return where the runs are, made if it is missing."""
    return state_folder(FOLDER)


def new_run(name: str) -> Path:
    """Return a folder for a run, which is not made yet."""
    plain = re.sub(r"[^\w .-]", "_", name)[:60]  # what every file system takes
    stem = f"{datetime.now():%Y-%m-%d %H.%M.%S} {plain}".strip(" .")
    folder, number = runs_folder() / stem, 2
    while folder.exists():
        folder, number = runs_folder() / f"{stem} {number}", number + 1
    return folder


def cut_off() -> tuple[UnfinishedRun, ...]:
    """Return the trainings that were cut off, the newest first."""
    folders = [folder for folder in runs_folder().iterdir() if folder.is_dir()]
    runs = [_cut_off(folder) for folder in sorted(folders, reverse=True)]
    return tuple(run for run in runs if run is not None)


def resumed(folder: Path) -> Recipe:
    """Return the recipe of the training in a run folder, to go on with it on any device."""
    run = RunFolder(folder)
    settings, facts = run.settings(), run.facts()
    share = facts["hold_back"]
    return Recipe(
        name=str(facts["name"]),
        sources=tuple(sources_of(facts, folder)),
        settings=settings,
        hold_back={True: None, False: 0.0}.get(share, share),  # until 0.1 it was yes or no
        before=facts["before"],
        resumed=True,
    )


def close_run(folder: Path) -> Path:
    """Remove what was needed to go on with the training; return the file of its network."""
    run = RunFolder(folder)
    run.note(ended=datetime.now().isoformat(timespec="seconds"))
    for name in (CHECKPOINTS, DATA):
        shutil.rmtree(folder / name, ignore_errors=True)
    return run.network


def discard(folder: Path) -> None:
    """Remove a run and all in it."""
    if RunFolder(folder).in_use:
        raise ValueError(f"{folder} is in use: wait until the training in it ends")
    shutil.rmtree(folder)


def _cut_off(folder: Path) -> UnfinishedRun | None:
    run = RunFolder(folder)
    try:
        facts = run.facts()
        places = [p for p in (folder / CHECKPOINTS).iterdir() if (p / MANIFEST).is_file()]
        begun = datetime.fromtimestamp((folder / "settings.json").stat().st_mtime)
    except (OSError, ValueError):
        return None
    if "ended" in facts or "sources" not in facts or not places or run.in_use:
        return None
    return UnfinishedRun(
        folder, str(facts["name"]), begun, max(int(place.name) for place in places)
    )
