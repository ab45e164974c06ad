"""Every test keeps what outlives a program in a folder of its own, never in that of a person."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))


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
