"""Snapshots of a training on the CPU, and the way back to the last good one.

A snapshot counts as good only when the loss of the step after it was good: a loss depends on the
weights before its step, and the step itself may have spoiled them. None is taken while the loss
rises.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from napari_unet.core.training.learner import Learner
from napari_unet.core.training.step import TrainingProgress

EVERY = {"cpu": 10, "cuda": 100}  # steps between snapshots: below 1 % of the time
FALLBACK_EVERY = 50


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of all tensors, and the progress that belongs to them."""

    tensors: Mapping[str, torch.Tensor]
    progress: TrainingProgress
    best: Mapping[str, torch.Tensor]  # weights of the best validation; empty before the first

    @classmethod
    def take(
        cls, learner: Learner, progress: TrainingProgress, best: Mapping[str, torch.Tensor]
    ) -> "Snapshot":
        """Copy what ``learner`` has learned; ``best`` never changes, so it is shared."""
        tensors = {name: _copy(tensor) for name, tensor in learner.tensors().items()}
        return cls(tensors, progress.copy(), best)


def copy_of_weights(learner: Learner) -> dict[str, torch.Tensor]:
    """Return copies of the weights that the network holds now."""
    return {name: _copy(tensor) for name, tensor in learner.network.state_dict().items()}


def steps_between(device: torch.device) -> int:
    """Return how many steps apart snapshots are; it never depends on the clock."""
    return EVERY.get(device.type, FALLBACK_EVERY)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True)


class LastGoodState:
    """Keeps the last good snapshot of ``learner``."""

    def __init__(self, learner: Learner, start: Snapshot) -> None:
        self._learner = learner
        self.good = start
        self.step = start.progress.number  # after which the good weights were learned
        self._offered: Snapshot | None = None

    def offer(self, progress: TrainingProgress, best: Mapping[str, torch.Tensor]) -> None:
        """Take a snapshot, which is good if the next loss is."""
        if progress.guard.trusts():
            self._offered = Snapshot.take(self._learner, progress, best)

    def confirm(self) -> bool:
        """Take a good loss for the step after the snapshot on offer; tell whether there was one."""
        if self._offered is None:
            return False
        self.good, self._offered = self._offered, None
        self.step = self.good.progress.number
        return True

    def go_back(self, progress: TrainingProgress) -> None:
        """Load the good weights. ``progress`` keeps its number of steps."""
        self._learner.load(self.good.tensors)
        self._offered = None
        self.good = Snapshot(self.good.tensors, progress.copy(), self.good.best)
