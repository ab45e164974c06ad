"""A picture with discs, and strokes on it that a person would make."""

import numpy as np
import pytest
import torch

from napari_unet.core.teaching import live_network

SHAPE = (160, 200)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def full_size():
    """Asked for by tests of how well is learned: tiles are as large as in use."""


@pytest.fixture(autouse=True)
def _small_tiles(request, monkeypatch):
    """Other tests learn from tiles of a third of the pixels, in a third of the time."""
    if "full_size" not in request.fixturenames:
        for size in ("nano", "small"):
            monkeypatch.setitem(live_network._LIVE[size], "tile", 84 if size == "nano" else 124)


def discs(seed=0, shape=SHAPE, radius=11, count=12):
    """Return a noisy image of bright discs and where they are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    truth = np.zeros(shape, bool)
    for y, x in rng.uniform(radius, np.array(shape) - radius, (count, 2)):
        truth |= (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    image = 80 + 60 * truth + rng.normal(0, 12, shape)
    return np.clip(image, 0, 255).astype(np.uint8), truth


@pytest.fixture(scope="session")
def picture():
    return discs()


def stroke_labels(truth, kind, seed, width=3, length=14):
    """Return (box, codes): a short straight stroke inside the class, as its box holds it."""
    rng = np.random.default_rng(seed)
    inside = truth if kind else ~truth
    for _ in range(1000):
        y, x = (int(rng.integers(n - m)) for n, m in zip(truth.shape, (width, length), strict=True))
        box = (slice(y, y + width), slice(x, x + length))
        if inside[box].all():
            return box, np.full((width, length), kind + 1, np.uint8)
    raise AssertionError("no room for a stroke")


@pytest.fixture
def taught(picture):
    """A teacher that has learned from four strokes."""
    from napari_unet import Teacher

    image, truth = picture
    teacher = Teacher(image, seed=1)
    for seed in range(4):
        teacher.paint(*stroke_labels(truth, seed % 2, seed))
    list(teacher.learn(steps=50))
    return teacher


@pytest.fixture(scope="session")
def tools():
    """The helpers of this file, for tests (which cannot import it)."""

    class Tools:
        pass

    Tools.discs, Tools.stroke = staticmethod(discs), staticmethod(stroke_labels)
    return Tools
