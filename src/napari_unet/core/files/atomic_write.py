"""Write files so that they appear whole or not at all, and replace another only where asked to.

A result is written under a temporary name in its folder, flushed to the disk, and then renamed in
one step. What goes wrong on the way is reported in one sentence and leaves no file.
"""

import errno
import os
import shutil
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from napari_unet.core.text import memory

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SHORT_WRITE = "requested and"  # numpy: "8000 requested and 4096 written", without a number
TEMPORARY = ".napari-unet-"


def write_safely(path: Path | str, data: bytes, *, overwrite: bool = False) -> None:
    """Write ``data`` to ``path``, which afterwards holds all of it or what it held before."""
    with new_file(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield the name to write under; what was written there becomes ``path`` at the end."""
    with _new(path, overwrite, _settle_file) as temporary:
        yield temporary


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield the name of a folder to fill, which becomes ``path`` at the end."""
    with _new(path, overwrite, settle_folder) as temporary:
        yield temporary


@contextmanager
def _new(path: Path, overwrite: bool, settle: Callable[[Path], None]) -> Iterator[Path]:
    check_free(path, overwrite)
    with one_sentence(path):
        _remove_stale(path)
    temporary = path.with_name(_temporary_name(path))
    try:
        with one_sentence(path):
            yield temporary
            settle(temporary)
            take_name(temporary, path, overwrite=overwrite)
    finally:
        remove(temporary)


def check_free(path: Path, overwrite: bool = False) -> None:
    """Refuse a name that is taken, unless it may be overwritten."""
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: choose another name or remove it")


def take_name(temporary: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give ``temporary`` (a file or a folder of the same disk) the name ``path``, in one step."""
    if temporary.is_dir():
        _take_folder_name(temporary, path, overwrite)
    elif overwrite:
        temporary.replace(path)
    else:
        _link(temporary, path)
    _sync(path.parent)


def _take_folder_name(temporary: Path, path: Path, overwrite: bool) -> None:
    check_free(path, overwrite)
    if not path.exists():
        temporary.rename(path)
        return
    aside = path.with_name(_temporary_name(path) + "-old")
    path.rename(aside)
    try:
        temporary.rename(path)
    except OSError:
        aside.rename(path)
        raise
    remove(aside)


def _link(temporary: Path, path: Path) -> None:
    """Take a free name: unlike a rename, a link never takes the place of another file."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        check_free(path)
    except OSError:  # a disk without hard links
        check_free(path)
        temporary.rename(path)


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one sentence that names ``path``, the cause and the remedy."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        full = error.errno in FULL or SHORT_WRITE in str(error)
        if error.errno is None and not full:  # a sentence already, of a file read meanwhile
            raise
        raise type(error)(_sentence(path, error, full)) from None


def _sentence(path: Path, error: OSError, full: bool) -> str:
    if not full:
        return f"{path} cannot be written ({error.strerror}): choose another folder"
    folder = next((p for p in path.parents if p.is_dir()), path.parent)
    free = shutil.disk_usage(folder).free
    return (
        f"{path} cannot be written: the disk or the quota of {folder} is full "
        f"({memory(free)} free); free some space or choose another folder"
    )


def _owner() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _temporary_name(path: Path) -> str:
    """Return a short name, so that the longest legal name can still be written."""
    return f"{TEMPORARY}{zlib.crc32(path.name.encode()):08x}-{_owner()}-{os.getpid()}"


def _remove_stale(path: Path) -> None:
    """Remove what a process of this machine that died left while it wrote into this folder."""
    for left in path.parent.glob(f"{TEMPORARY}*-{_owner()}-*"):
        number = left.name.split("-")[4]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            remove(left)


def _settle_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def settle_folder(path: Path) -> None:
    """Bring every file below ``path`` to the disk."""
    if hasattr(os, "sync"):
        os.sync()  # one call for thousands of chunks
    else:
        for file in [part for part in path.rglob("*") if part.is_file()]:
            _settle_file(file)


def _sync(folder: Path) -> None:
    """Bring the names in ``folder`` to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
