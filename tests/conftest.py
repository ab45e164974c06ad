"""Every test keeps what outlives a program in a folder of its own, never in that of a person."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

LOCKING = """
import sys
from pathlib import Path
from napari_unet.core.files.lock import holder_of, lock

assert lock(Path(sys.argv[1])) == ""
print(holder_of(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))


@pytest.fixture
def other_process():
    """Within ``with``, another process has a lock; then it is killed. Gives how it is called."""

    @contextmanager
    def locking(file):
        command = [sys.executable, "-c", LOCKING, str(file)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **pipes) as child:
            try:
                yield child.stdout.readline().strip()
            finally:
                child.kill()

    return locking


SHAPE = (180, 220)


@pytest.fixture(scope="session")
def discs():
    """An image of noisy discs and where they are."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.zeros(SHAPE, bool)
    for y, x in rng.uniform(14, np.array(SHAPE) - 14, (14, 2)):
        truth |= (rows - y) ** 2 + (columns - x) ** 2 < 11**2
    image = 80 + 60 * truth + rng.normal(0, 12, SHAPE)
    return np.clip(image, 0, 255).astype(np.uint8), truth


@pytest.fixture
def small_tiles(monkeypatch):
    from napari_unet.core.teaching import learning_loop, live_network, network_growth

    monkeypatch.setitem(live_network._LIVE["nano"], "tile", 84)
    monkeypatch.setattr(learning_loop, "PLATEAU", 12)  # steps: settles soon
    monkeypatch.setattr(learning_loop, "LOSS_GAIN", 1.0)  # however fast the loss still falls
    monkeypatch.setattr(network_growth, "STROKES", 1000)  # and no larger network is tried
