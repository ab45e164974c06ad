"""A window on bright discs whose teacher learns from small tiles, in a third of the time."""

import numpy as np
import pytest

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
    from napari_unet.core.teaching import growth, progress, sizes

    monkeypatch.setitem(sizes._LIVE["nano"], "tile", 84)
    monkeypatch.setattr(progress, "PLATEAU", 12)  # steps: settles soon
    monkeypatch.setattr(progress, "LOSS_GAIN", 1.0)  # however fast the loss still falls
    monkeypatch.setattr(growth, "STROKES", 1000)  # and no larger network is tried
