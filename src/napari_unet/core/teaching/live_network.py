"""LiveNetwork: a network that is taught live, with the averaged weights that are shown of it.

The smallest network does not start from noise. It was taught once, on synthetic textures alone, to
compute smoothed gray values, slopes, ridges and roughness (``benchmarks/first_weights.py``): it has
seen no image, but need not learn from strokes what an edge is. Classes are added and removed while
the network is used; all other weights stay the same bits. ``warm_up`` does before the first stroke
what happens only once: code is compiled or loaded, kernels are chosen and the contrast of the image
is measured.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unet.core.network.adapt import adapt
from napari_unet.core.network.network_file import load_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.segmentation.precision import faster_copy
from napari_unet.core.teaching.image_view import DIMS, ImageView
from napari_unet.core.teaching.pixel_classifier import FilterBank, PixelClassifierTrainer
from napari_unet.core.teaching.stroke_batches import ALL, Choice, StrokeBatches
from napari_unet.core.teaching.strokes import Strokes
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.settings import TrainSettings

FILE = Path(__file__).with_name("first_weights.safetensors")
FIRST, HEAD_PREFIX = "contract.0.first.weight", "head."
OWN = 0.3  # share of noise with which the first layer of a colour network tells channels apart


def give_first_weights(network: UNet) -> bool:
    """Replace the weights of ``network``, all but the head, if it is of the size that was taught.

    Tell whether it was.
    """
    taught = _taught_network()
    if not _fits(network, taught):
        return False
    own = network.state_dict()
    for name, weight in taught.state_dict().items():
        if name == FIRST and network.channels > 1:
            weight = _for_channels(weight, own[name])
        if not name.startswith(HEAD_PREFIX):
            own[name] = weight
    network.load_state_dict(own)
    return True


def _fits(network: UNet, taught: UNet) -> bool:
    def shape(one: UNet) -> tuple[object, ...]:
        return one.base, one.depth, one.dims, one.norm, one.skips

    return shape(network) == shape(taught)


def _for_channels(gray: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Spread kernels (n, 1, 3, 3) over channels, with noise so that they do not stay alike."""
    wide = gray.expand_as(own)
    return wide / wide.std() + OWN * own / own.std()


@cache
def _taught_network() -> UNet:
    return load_network(FILE)


Weights = dict[str, torch.Tensor]

EAGER = 80  # steps at the full rate; then it falls with their root, so that previews come to rest
LEAST = 1 / 3  # of the rate that is left in the end


class LiveNetwork:
    """A network of one size; it learns batch by batch and scores with its averaged weights."""

    def __init__(
        self, name: str, settings: TrainSettings, rehearsal: StrokeBatches, network: UNet
    ) -> None:
        self.name = name
        self.settings = settings
        self.network = network
        self.steps = 0  # since its learner was made
        self._rehearsal = rehearsal
        self._learner = Learner(network, settings, torch.float32)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._learner.device

    def learn(self, number: int, choice: Choice = ALL) -> float:
        """Take the step of this ``number`` from what ``choice`` says; return its loss."""
        batch = self._rehearsal.draw(number, self.network.classes, self.device, choice)
        self.steps += 1
        self.network.train()
        return self._learner.learn(batch, self._rate(), self.steps).value()

    def _rate(self) -> float:
        warm = min(1.0, self.steps / max(self.settings.warmup, 1))
        return self.settings.rate * warm * min(1.0, max(LEAST, (EAGER / self.steps) ** 0.5))

    def weights(self) -> Weights:
        """Return copies of the averaged weights."""
        with self._learner.shown():
            return {name: w.detach().clone() for name, w in self.network.state_dict().items()}

    def reborn(self, network: UNet, weights: Weights) -> "LiveNetwork":
        """Return a copy of this size that goes on from ``weights`` of ``network``."""
        fresh = copy.deepcopy(network)
        fresh.load_state_dict(weights)
        return LiveNetwork(self.name, self.settings, self._rehearsal, fresh)


def new_network(settings: TrainSettings, channels: int, classes: int) -> UNet:
    """Return a network that was taught nothing; the seed decides what its weights are drawn as."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        network = UNet.of(settings, channels, classes)
    give_first_weights(network)
    return network


def between(one: Weights, other: Weights, share: float) -> Weights:
    """Return the weights ``share`` of the way from one network to a later state of it."""
    return {name: torch.lerp(weight, other[name], share) for name, weight in one.items()}


UNLIKELY = 0.5  # how far below the mean of the others a new class starts, before the softmax
HEAD = ("head.weight", "head.bias")


def change_classes(weights: Weights, kept: Sequence[int | None]) -> Weights:
    """Return ``weights`` with a head of which row i is row ``kept[i]`` of before, None being new.

    A new class starts a little below the mean of the others: it is nowhere the likeliest, so that
    no preview changes by it, and near enough to be learned soon.
    """
    changed = {name: weight.clone() for name, weight in weights.items()}
    for name in HEAD:
        before = weights[name]
        mean = before.mean(dim=0) - (UNLIKELY if name == "head.bias" else 0.0)
        rows = [mean if row is None else before[row] for row in kept]
        changed[name] = torch.stack(rows).to(memory_format=torch.preserve_format)
    return changed


def regrouped_network(network: UNet, kept: Sequence[int | None]) -> UNet:
    """Return a copy of ``network`` with such a head; names of classes follow their rows."""
    about = network.about["classes"]
    adapted, _ = adapt(network, classes=len(kept))
    adapted.load_state_dict(change_classes(network.state_dict(), kept))
    fresh = adapted.about["classes"]
    adapted.about["classes"] = [
        fresh[new] if row is None else about[row] for new, row in enumerate(kept)
    ]
    return adapted


SIZES = ("nano", "small", "standard")  # in the order they take over

_LIVE: dict[str, dict[str, Any]] = {
    "nano": {
        "tile": 132, "batch": 2, "sd": 3.0, "gray": 0.1, "rate": 3e-3, "warmup": 5, "ema": 0.85,
        "flatten": 0.0,
    },
    "small": {"tile": 172, "batch": 2, "sd": 3.0, "gray": 0.1, "dropout": 0.0, "ema": 0.95},
    "standard": {"tile": 252, "batch": 2, "sd": 3.0, "gray": 0.1, "dropout": 0.0, "ema": 0.97},
}  # fmt: skip


def settings_of(size: str, seed: int) -> TrainSettings:
    """Return how the network called ``size`` learns from strokes."""
    return TrainSettings.preset(size, seed=seed, schedule="constant", **_LIVE[size])


READY = 2**19  # pixels of a picture that are filtered before there is anything to show


def warm_up(picture: ImageView, fresh: LiveNetwork, filters: FilterBank) -> None:
    """Let ``fresh``, a network that is thrown away, learn one step from made-up strokes.

    ``filters`` of a small picture are computed here already.
    """
    strokes = Strokes((picture.shape[-2], picture.shape[-1]), picture.factor)
    plane = (0,) * (len(picture.shape) - DIMS)
    box = tuple(slice(0, min(n, 2 * picture.factor)) for n in picture.shape[-DIMS:])
    kinds = np.zeros([part.stop for part in box], np.uint8)
    strokes.paint(plane, box, kinds)
    with one_thread():
        rehearsal = StrokeBatches(picture, strokes, fresh.settings)
        LiveNetwork(fresh.name, fresh.settings, rehearsal, fresh.network).learn(1)
        PixelClassifierTrainer(filters, strokes, fresh.settings).fit(fresh.network.classes)
        if np.prod(picture.shape) <= READY * picture.factor**2:
            filters.of(plane, tuple(slice(0, n) for n in picture.working))
    faster_copy(fresh.network)  # measured, and compiled after an installation, for previews


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread within: a small network is no faster in more."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
