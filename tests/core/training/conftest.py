"""A small scene: bright squares on noise, each an object, all pixels labelled."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.optimiser import Optimiser
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.train import train

SMALL = TrainSettings(
    base=8, depth=1, norm="weight", dropout=0.1, tile=44, optimiser="adam", rate=1e-2,
    momentum=0.9, warmup=3, ema=0.8, steps=30, precision="float32", checkpoint_seconds=3600.0,
    sd=3.0,
)  # fmt: skip


def scene(seed=0, shape=(90, 96), squares=7, size=12):
    """Return an image, and labels in the code 1 background, 2… objects."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape).astype(np.float32)
    labels = np.ones(shape, np.int32)
    for label in range(2, squares + 2):
        corner = [int(rng.integers(0, n - size)) for n in shape]
        place = tuple(slice(c, c + size) for c in corner)
        labels[place] = label
    image[labels > 1] += 4
    return image, labels


def annotate(seed=0, **changes):
    return Annotation(*scene(seed, **changes), ids="objects")


def build(settings, channels=1, classes=2, dtype=torch.float32):
    torch.manual_seed(settings.seed)
    return UNet.of(settings, channels, classes).to(dtype)


def digest(network):
    found = hashlib.sha256()
    for _, tensor in sorted(network.state_dict().items()):
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def run(network, annotation, settings, **more):
    """Train, and return every loss exactly."""
    steps = train(network, [annotation], settings, **more)
    return [step.loss.hex() for step in steps if step.validating is None]


class Poison:
    """Puts NaN into a weight after the given updates; 0 is the first."""

    def __init__(self, monkeypatch, *updates):
        self.count, step = -1, Optimiser.step

        def poisoned(optimiser, rate):
            step(optimiser, rate)
            self.count += 1
            if self.count in updates:
                weights = list(optimiser._parameters.values())
                weights[self.count % len(weights)].data.fill_(float("nan"))

        monkeypatch.setattr(Optimiser, "step", poisoned)


@pytest.fixture(autouse=True)
def one_thread():
    """Tiles this small gain nothing from more, and lose much where others compute too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make():
    """Functions to make things with: the tests of a folder cannot import one another."""
    return SimpleNamespace(
        scene=scene, annotate=annotate, build=build, digest=digest, run=run, poison=Poison
    )


@pytest.fixture
def settings():
    return SMALL


@pytest.fixture
def annotation():
    return annotate()


@pytest.fixture
def network(settings):
    return build(settings)


@pytest.fixture
def float64(settings):
    """Settings and a network without dropout, to compare with to the last digits."""
    settings = replace(settings, dropout=0.0, ema=0.0)
    return settings, build(settings, dtype=torch.float64)
