"""A lock keeps other processes out, never two hold it, and a dead one is free."""

import os
import subprocess
import sys
import threading

import pytest

from napari_unet.core.files.lock import held_elsewhere, holder_of, lock, unlock

ADDING = """
import sys
from pathlib import Path
from napari_unet.core.files.lock import lock, unlock

file, sum_file = map(Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(25):
    while lock(file):
        pass
    sum_file.write_text(str(int(sum_file.read_text()) + 1))
    unlock(file)
"""


@pytest.fixture
def file(tmp_path):
    yield tmp_path / "lock"
    unlock(tmp_path / "lock")


def test_a_lock_is_of_a_process_and_goes_with_it(file):
    me = f"process {os.getpid()} on "
    assert holder_of(file) == held_elsewhere(file) == ""
    assert not file.exists(), "who asks leaves no file"
    assert lock(file) == ""
    assert lock(file) == "", "a process may take its own lock again"
    assert holder_of(file).startswith(me)
    assert held_elsewhere(file) == ""
    unlock(file)
    unlock(file)
    assert holder_of(file) == ""
    assert not file.exists()


def test_another_thread_may_free_it(file):
    lock(file)
    other = threading.Thread(target=unlock, args=(file,))
    other.start()
    other.join()
    assert holder_of(file) == ""


def test_a_lock_keeps_out_and_a_killed_process_keeps_nobody_out(file, other_process):
    with other_process(file) as holder:
        assert str(holder).startswith("process ")
        assert lock(file) == holder
        assert holder_of(file) == held_elsewhere(file) == holder
        unlock(file)
        assert lock(file) == holder, "nobody frees the lock of another"
    assert file.exists(), "a killed process leaves its file"
    assert holder_of(file) == ""
    assert not file.exists()
    assert lock(file) == ""


def test_a_holder_that_has_not_said_who_it_is_keeps_out_too(file, other_process):
    with other_process(file):
        for left in ("", "{", "[]", "{}"):
            file.write_text(left)
            assert lock(file) == "another process"


def test_a_file_that_somebody_left_is_no_lock(file):
    file.write_text('{"host": "another", "process": 1}')
    assert holder_of(file) == ""
    file.write_text('{"host": "another", "process": 1}')
    assert lock(file) == ""
    assert holder_of(file).startswith(f"process {os.getpid()} on ")


def test_no_two_processes_ever_have_it(tmp_path):
    """Four processes add to a number in a file, each time within the lock: no sum is lost."""
    total = tmp_path / "sum"
    total.write_text("0")
    command = [sys.executable, "-c", ADDING, str(tmp_path / "lock"), str(total)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    adding = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for one in adding:
        assert one.stdout.readline() == "ready\n"
    for one in adding:
        one.stdin.write("\n")
        one.stdin.flush()
    for one in adding:
        one.communicate(timeout=50)
        assert one.returncode == 0
    assert total.read_text() == "100"


def test_a_folder_that_cannot_be_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"lock cannot be written .*: choose another folder"):
        lock(tmp_path / "file" / "folder" / "lock")
