"""Learner: a network with its optimiser and averaged weights; learns one batch at a time.

The average of the weights over the last steps is what is shown and saved: weights taken after one
step depend on the last tile, their average does not, and it scores better. The loss is
cross-entropy weighted pixel by pixel, as in the paper, and a share of Dice. It is divided by the
number of labelled pixels of the tile and not by the sum of weights, because learning rates depend
on that scale.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.network.unet import UNet
from napari_unet.core.runtime.device import fast_dtype
from napari_unet.core.training.batches import Batch
from napari_unet.core.training.optimiser import Optimiser
from napari_unet.core.training.settings import TrainSettings


def weighted_loss(
    values: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor, dice: float = 0.0
) -> torch.Tensor:
    """Return the loss of ``values`` (B, K, *output) before the softmax, averaged over the tiles.

    ``classes`` (B, *output) are integers, 255 where unlabelled; ``weights`` (B, *output) weigh
    their cross-entropy. ``dice`` is the share of the Dice loss. Unlabelled pixels do not count.
    """
    labelled = classes != UNLABELLED
    target = classes.long().masked_fill_(~labelled, 0)[:, None]
    log_shares = F.log_softmax(values, 1)
    # gathering after log_softmax takes half the time of torch's cross_entropy
    losses = log_shares.gather(1, target)[:, 0] * weights.masked_fill(~labelled, 0.0)
    entropy = -losses.flatten(1).sum(1) / labelled.flatten(1).sum(1)
    if not dice:
        return entropy.mean()
    overlap = _dice_loss(log_shares.exp(), target, labelled)
    return ((1 - dice) * entropy + dice * overlap).mean()


def _dice_loss(scores: torch.Tensor, target: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """Return 1 - Dice of each tile, averaged over the classes; one pixel of smoothing."""
    mask = labelled[:, None].to(scores.dtype)
    truth = torch.zeros_like(scores).scatter_(1, target, 1.0) * mask
    shared = (scores * truth).flatten(2).sum(2)
    both = ((scores * mask) + truth).flatten(2).sum(2)
    return 1 - ((2 * shared + 1) / (both + 1)).mean(1)


class Average:
    """An exponential moving average of ``parameters``; ``memory`` is what a step leaves of it."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], memory: float) -> None:
        self._parameters: list[torch.Tensor] = list(parameters)
        self._memory = memory
        self.tensors = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Take in the weights after step ``number``; the first ones are forgotten quickly."""
        memory = min(self._memory, (1 + number) / (10 + number))
        # all at once: on a GPU one kernel, not one for each of fifty parameters
        torch._foreach_lerp_(self.tensors, self._parameters, 1 - memory)

    def exchange(self) -> None:
        """Put the averaged weights into the network and keep those it had; or the other way."""
        for place, parameter in enumerate(self._parameters):
            parameter.data, self.tensors[place] = self.tensors[place], parameter.data


class Ranks(Protocol):
    """Processes that train one network together."""

    rank: int
    size: int

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its average over all ranks."""

    def spread(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by that of rank 0."""


class PendingLoss:
    """A loss that is being copied from the device to the host; later work is not waited for."""

    def __init__(self, loss: torch.Tensor) -> None:
        self._loss = loss
        self._arrived: torch.cuda.Event | None = None
        if loss.is_cuda:
            self._loss = torch.empty((), dtype=loss.dtype, pin_memory=True)
            self._loss.copy_(loss, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record(torch.cuda.current_stream(loss.device))

    def value(self) -> float:
        """Wait for the loss and return it."""
        if self._arrived:
            self._arrived.synchronize()
        return float(self._loss)


class Learner:
    """Learns with ``network`` where it is; weights keep their dtype, convolutions use ``dtype``."""

    def __init__(
        self, network: UNet, settings: TrainSettings, dtype: torch.dtype, ranks: Ranks | None = None
    ) -> None:
        self.network = network
        self.device = network.head.weight.device
        self.dtype = dtype
        self._settings = settings
        self._ranks = ranks
        self._optimiser = Optimiser(dict(network.named_parameters()), settings)
        self._average = Average(network.parameters(), settings.ema) if settings.ema else None

    def learn(self, batch: Batch, rate: float, number: int) -> "PendingLoss":
        """Take one step; return its loss without waiting for it."""
        rank = self._ranks.rank if self._ranks else 0
        with seeded(self.device, [self._settings.seed, number, rank]):
            loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._ranks:
            self._ranks.average([p.grad for p in self.network.parameters() if p.grad is not None])
        self._optimiser.step(rate)
        if self._average:
            self._average.update(number)
        return PendingLoss(loss.detach())

    def settle_on(self, best: Mapping[str, torch.Tensor]) -> None:
        """Give the network the ``best`` weights; where there are none, the averaged ones."""
        if best:
            with torch.no_grad():
                for name, tensor in self.network.state_dict().items():
                    tensor.copy_(best[name])
        elif self._average:
            self._average.exchange()
        self._optimiser.forget_gradients()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within, the network holds its averaged weights."""
        if self._average:
            self._average.exchange()
        try:
            yield
        finally:
            if self._average:
                self._average.exchange()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything learned, by name; these are the tensors in use, not copies."""
        named = {f"weights.{name}": tensor for name, tensor in self.network.state_dict().items()}
        kept = self._optimiser.tensors().items()
        named |= {f"optimiser.{name}": tensor for name, tensor in kept}
        if self._average:
            names = [name for name, _ in self.network.named_parameters()]
            averages = zip(names, self._average.tensors, strict=True)
            named |= {f"average.{name}": tensor for name, tensor in averages}
        return named

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take back what ``tensors`` gave, from copies; none of them is kept."""
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                tensor.copy_(tensors[f"weights.{name}"])
            if self._average:
                names = [name for name, _ in self.network.named_parameters()]
                for name, tensor in zip(names, self._average.tensors, strict=True):
                    tensor.copy_(tensors[f"average.{name}"])
        kept = self._optimiser.tensors()
        self._optimiser.load({name: tensors[f"optimiser.{name}"] for name in kept})

    def _loss(self, batch: Batch) -> torch.Tensor:
        weight = self.network.head.weight
        image, classes, weights = batch.to(self.device, weight.dtype)
        fast = self.dtype != weight.dtype
        with torch.autocast(self.device.type, self.dtype, enabled=fast):
            values = self.network(image)
        return weighted_loss(values.to(weight.dtype), classes, weights, self._settings.dice)


def compute_dtype(network: UNet, settings: TrainSettings) -> torch.dtype:
    """Return the dtype that convolutions are computed in, as the settings ask."""
    weight = network.head.weight
    if weight.dtype == torch.float64 or settings.precision == "float32":
        return torch.float64 if weight.dtype == torch.float64 else torch.float32
    return torch.bfloat16 if settings.precision == "bfloat16" else fast_dtype(weight.device)


@contextmanager
def seeded(device: torch.device, seed: Sequence[int]) -> Iterator[None]:
    """Seed torch within, for dropout, and give back the caller's random state afterwards."""
    (value,) = np.random.SeedSequence(seed).generate_state(1)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(int(value))
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(int(value))
        elif device.type == "mps":
            torch.mps.manual_seed(int(value))
        yield
