"""Pupil: one network that is being taught, with the averaged weights that are shown of it."""

import copy

import torch

from napari_unet.core.network import UNet
from napari_unet.core.settings import TrainSettings
from napari_unet.core.teaching.firstweights import give_first_weights
from napari_unet.core.teaching.rehearsal import ALL, Choice, Rehearsal
from napari_unet.core.training.learner import Learner

Weights = dict[str, torch.Tensor]

EAGER = 80  # steps at the full rate; then it falls with their root, so that previews come to rest
LEAST = 1 / 3  # of the rate that is left in the end


class Pupil:
    """A network of one size; it learns batch by batch and scores with its averaged weights."""

    def __init__(
        self, name: str, settings: TrainSettings, rehearsal: Rehearsal, network: UNet
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

    def reborn(self, network: UNet, weights: Weights) -> "Pupil":
        """Return a pupil of this size that goes on from ``weights`` of ``network``, a copy."""
        fresh = copy.deepcopy(network)
        fresh.load_state_dict(weights)
        return Pupil(self.name, self.settings, self._rehearsal, fresh)


def new_network(settings: TrainSettings, channels: int, classes: int) -> UNet:
    """Return a network that was taught nothing; the seed decides what its weights are drawn as."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        network = UNet(
            channels, classes, base=settings.base, depth=settings.depth,
            dropout=settings.dropout, norm=settings.norm,
        )  # fmt: skip
    give_first_weights(network)
    return network


def between(one: Weights, other: Weights, share: float) -> Weights:
    """Return the weights ``share`` of the way from one network to another of its descent."""
    return {name: torch.lerp(weight, other[name], share) for name, weight in one.items()}
