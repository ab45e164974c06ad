"""SIGKILL at any moment: the training that is resumed is bit for bit one that never stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_training.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def killed(folder, kills, seed, *more):
    single = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), str(folder), str(kills), str(seed), *more]
    done = subprocess.run(command, env={**os.environ, **single}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_killed_and_resumed_it_is_bit_identical(tmp_path):
    """Every loss as a hexadecimal double, every validation score, the digest of all weights."""
    assert killed(tmp_path, 8, 1) == {
        "kills": 8, "failed": 0, "steps": 150, "repeats agree": True, "losses agree": True,
        "weights agree": True,
    }  # fmt: skip


def test_a_training_that_forgets_its_momentum_is_found_out(tmp_path):
    """The control: were the state not whole, this test would see it."""
    found = killed(tmp_path, 2, 3, "forgetful")
    assert found["kills"] == 2
    assert not found["losses agree"]
    assert not found["weights agree"]
