"""A file is there whole or not at all, and never in the place of another unasked."""

import os
import stat
import subprocess
import sys
import textwrap

import pytest

from napari_unet.core.files import atomic_write
from napari_unet.core.files.atomic_write import new_file, new_folder, write_safely


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_seen_until_the_end_and_no_trace_is_left(tmp_path):
    path = tmp_path / "result.tif"
    with new_file(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
        assert temporary.parent == tmp_path, "a rename across disks would be no single step"
    assert names(tmp_path) == ["result.tif"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.fixture
def disk_calls(monkeypatch):
    """Return the calls that bring bytes or names to the disk, in the order they come in."""
    calls = []

    def record(name):
        call = getattr(os, name)

        def recorded(*args, **options):
            status = os.fstat(args[0]) if name == "fsync" else None
            folder = status is not None and stat.S_ISDIR(status.st_mode)
            size = f" of {status.st_size} bytes" if status is not None and not folder else ""
            calls.append(f"{name}{size}{' of the folder' if folder else ''}")
            return call(*args, **options)

        monkeypatch.setattr(os, name, recorded)

    for name in ("fsync", "sync", "link", "rename", "replace"):
        record(name)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="only there can a folder be synced")
def test_a_name_is_taken_between_the_sync_of_the_bytes_and_that_of_the_folder(tmp_path, disk_calls):
    """In any other order a power cut leaves a name with no bytes, or bytes with no name."""
    write_safely(tmp_path / "file", b"abc")
    assert disk_calls == ["fsync of 3 bytes", "link", "fsync of the folder"]
    disk_calls.clear()
    write_safely(tmp_path / "file", b"abcd", overwrite=True)
    assert disk_calls == ["fsync of 4 bytes", "replace", "fsync of the folder"]
    disk_calls.clear()
    with new_folder(tmp_path / "folder") as temporary:
        temporary.mkdir()
    assert disk_calls == ["sync", "rename", "fsync of the folder"]


def stop_within(make, path, **options):
    """Begin to write, and be interrupted."""
    with make(path, **options) as temporary:
        (temporary.mkdir if make is new_folder else temporary.touch)()
        raise KeyboardInterrupt


@pytest.mark.parametrize("make", [new_file, new_folder])
def test_an_error_on_the_way_leaves_nothing(tmp_path, make):
    with pytest.raises(KeyboardInterrupt):
        stop_within(make, tmp_path / "result")
    assert names(tmp_path) == []


def test_an_existing_file_is_kept_unless_it_may_go(tmp_path):
    path = tmp_path / "result"
    write_safely(path, b"old")
    with pytest.raises(FileExistsError, match="exists already"):
        write_safely(path, b"new")
    assert path.read_bytes() == b"old"
    write_safely(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    with pytest.raises(KeyboardInterrupt):
        stop_within(new_file, path, overwrite=True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["result"]


def test_a_file_that_appears_meanwhile_is_not_lost(tmp_path):
    path = tmp_path / "result"

    def write_while_another_does():
        with new_file(path) as temporary:
            temporary.write_bytes(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(FileExistsError, match="exists already"):
        write_while_another_does()
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["result"]


def test_a_folder_takes_the_place_of_another_in_one_step(tmp_path):
    path = tmp_path / "store.zarr"
    for content in ("old", "new"):
        with new_folder(path, overwrite=True) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["store.zarr"]
    with pytest.raises(FileExistsError), new_folder(path):
        pass


def test_the_longest_legal_name_can_be_written(tmp_path):
    path = tmp_path / ("ä" * 125 + ".tif")  # 254 bytes
    write_safely(path, b"x")
    assert path.read_bytes() == b"x"


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = atomic_write._temporary_name(tmp_path / "a")
    start = mine.rpartition("-")[0]
    (tmp_path / f"{start}-{dead.pid}").touch()
    (tmp_path / f"{start}-{os.getppid()}").touch()
    write_safely(tmp_path / "b", b"")
    assert names(tmp_path) == [f"{start}-{os.getppid()}", "b"]


@pytest.mark.parametrize("inside", ["file", "missing"])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, inside):
    (tmp_path / "file").touch()
    path = tmp_path / inside / "result"
    with pytest.raises(OSError, match=f"{path} cannot be written .*: choose another folder"):
        write_safely(path, b"x")
    with pytest.raises(OSError, match="cannot be written"):
        write_safely("/proc/result", b"x")  # as in a folder that is read-only, even for root


def test_an_error_of_a_file_read_meanwhile_keeps_its_own_words(tmp_path):
    with pytest.raises(OSError, match=r"^the image is damaged$"), new_file(tmp_path / "a"):
        raise OSError("the image is damaged")


FULL = """
    import resource, sys
    import numpy as np
    from pathlib import Path
    from napari_unet.core.files.label_file import write_labels
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    labels = np.random.default_rng(0).integers(0, 60_000, (600, 700)).astype(np.int32)
    for name in ("a.tif", "a.png", "a.zarr"):
        try:
            write_labels(Path(sys.argv[1]) / name, labels, axes="YX")
        except OSError as error:
            print(error)
"""


def test_a_full_disk_is_one_sentence_and_leaves_no_file(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path)],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(told) == 3
    for name, sentence in zip(("a.tif", "a.png", "a.zarr"), told, strict=True):
        assert str(tmp_path / name) in sentence
        assert "is full" in sentence
        assert "free some space or choose another folder" in sentence
    assert names(tmp_path) == []
