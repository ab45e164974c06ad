"""Journals of this user: one a window, and those that a crash or a closed window left behind."""

import os
import time
from pathlib import Path

from napari_unet.core.files.statefolder import state_folder
from napari_unet.core.strokes.replay import Replay, read_head, replay

SUFFIX, USED = ".journal", ".restored"
DAYS = 30  # a journal that was closed in peace, or restored, is kept


def new_path() -> Path:
    """Return a name for the journal of a window."""
    stamp = time.strftime("%Y-%m-%d %H.%M.%S")
    folder, number = state_folder("strokes"), 1
    while True:
        path = folder / f"{stamp} {os.getpid()}-{number}{SUFFIX}"
        if not path.exists():
            return path
        number += 1


def left_behind() -> list[Replay]:
    """Return the journals of windows that a crash ended, the newest first."""
    folder = state_folder("strokes")
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        head = read_head(path)
        if head.head is None or head.head.process == os.getpid() or head.alive():
            continue
        told = replay(path)
        if not told.ended and any(one.labels.any() for one in told.annotations.values()):
            found.append(told)
    _tidy(folder)
    return found


def put_away(path: Path) -> None:
    """Offer the journal no more; it stays for a month, for who regrets it."""
    path.rename(path.with_suffix(USED))


def _tidy(folder: Path) -> None:
    """Remove what nobody has wanted for long."""
    for path in [*folder.glob(f"*{USED}"), *folder.glob(f"*{SUFFIX}")]:
        old = time.time() - path.stat().st_mtime > DAYS * 86400
        if old and (path.suffix == USED or replay(path).ended):
            path.unlink(missing_ok=True)
