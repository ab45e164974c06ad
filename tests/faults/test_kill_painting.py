"""SIGKILL while somebody paints: all but the last two seconds of strokes are there, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from napari_unet.workflows.journal_replay import replay

PROGRAM = Path(__file__).with_name("killed_painting.py")
SPEC = spec_from_file_location("killed_painting", PROGRAM)
painting = module_from_spec(SPEC)
SPEC.loader.exec_module(painting)
LOST_AT_MOST = 2.0  # seconds
HELD_UP = 0.2  # seconds; strokes are 2 ms apart
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def paint_and_kill(path, seed, seconds):
    """Return the times of the strokes that were painted before the painter was killed."""
    single = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), str(path), str(seed)]
    painter = subprocess.Popen(
        command, env={**os.environ, **single}, stdout=subprocess.PIPE, text=True
    )
    assert painter.stdout.readline() == "ready\n"
    time.sleep(seconds)
    while "cells" not in replay(path).annotations:  # a slow disk may take that long
        time.sleep(0.05)
    painter.kill()
    told, _ = painter.communicate()
    whole = told[: told.rfind("\n") + 1]
    return [float(line) for line in whole.split()]


def running(times):
    """Return the times on a clock that stands still while the machine lets the painter wait."""
    gaps = np.diff(times).clip(0, HELD_UP)
    return np.concatenate([[0.0], np.cumsum(gaps)])


@pytest.mark.parametrize(("seed", "seconds"), [(0, 1.2), (1, 2.9), (2, 4.1), (3, 3.37)])
def test_a_killed_painter_loses_two_seconds_at_most(tmp_path, seed, seconds):
    path = tmp_path / "strokes.journal"
    times = paint_and_kill(path, seed, seconds)
    found = replay(path)
    assert not found.ended
    assert not found.alive()
    kept = found.annotations["cells"]
    states, labels = [np.zeros(painting.SHAPE, np.uint8)], np.zeros(painting.SHAPE, np.uint8)
    for box, values in islice(painting.strokes(seed), len(times) + 1):
        labels[box] = values
        states.append(labels.copy())
    same = [n for n, state in enumerate(states) if np.array_equal(state, kept.labels)]
    assert same, "what was replayed is no state that was ever painted"
    moments = running(times)
    safe = int((moments < moments[-1] - LOST_AT_MOST).sum())
    assert max(same) >= safe
    assert kept.facts == {"image": "cells"}
