"""Locks: one process at a time writes to a run folder, a partial result or a journal of strokes.

The system keeps the lock (``filelock``) and frees it when its process ends, however that ends: a
dead process keeps nobody out, and no two processes hold a lock at once. The text in the lock file
is for people: who has it. The file goes with the lock; one that a killed process left is no lock.
"""

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from napari_unet.core.files.atomic_write import one_sentence

PATIENCE = 0.2  # seconds to wait: who only asks for the holder has the lock for a moment
_held: dict[Path, BaseFileLock] = {}  # by this process


def lock(file: Path) -> str:
    """Take the lock ``file`` until ``unlock``; return which other process has it, or nothing.

    A process may take its own lock again.
    """
    file = file.absolute()
    if file in _held:
        return ""
    taken: BaseFileLock = FileLock(file, timeout=PATIENCE, thread_local=False)
    try:
        with one_sentence(file):
            taken.acquire()
    except Timeout:
        return _named(file)
    _held[file] = taken
    if not isinstance(taken, SoftFileLock):  # of a disk without locks: its file has its own text
        me = {"host": socket.gethostname(), "process": os.getpid()}
        with suppress(OSError):  # Windows may let nobody write to a locked file
            file.write_text(json.dumps(me), encoding="utf-8")
    return ""


def unlock(file: Path) -> None:
    """Free the lock ``file``, if this process has it, and remove the file."""
    taken = _held.pop(file.absolute(), None)
    if taken is None:
        return
    if os.name == "posix" and not isinstance(taken, SoftFileLock):
        file.unlink(missing_ok=True)  # while it is held: afterwards it may be the lock of another
    taken.release()
    if os.name != "posix":
        with suppress(OSError):  # Windows removes no file that another process has opened
            file.unlink(missing_ok=True)


def held_elsewhere(file: Path) -> str:
    """Return which other process has the lock ``file``; empty if none has."""
    if file.absolute() in _held or not file.exists():
        return ""
    with suppress(OSError):  # a folder where nothing can be written: then nobody has its lock
        holder = lock(file)
        if not holder:
            unlock(file)
        return holder
    return ""


def holder_of(file: Path) -> str:
    """Return which process has the lock ``file``, this one too; empty if none has."""
    mine = file.absolute() in _held
    return f"process {os.getpid()} on {socket.gethostname()}" if mine else held_elsewhere(file)


def _named(file: Path) -> str:
    try:
        owner = json.loads(file.read_text(encoding="utf-8"))
        return f"process {owner['process']} on {owner['host']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"
