"""Snapshot: a training as it was after one step, on the CPU, to go back to or to write down."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from napari_unet.core.training.learner import Learner
from napari_unet.core.training.progress import Progress

EVERY = {"cpu": 10, "cuda": 100}  # steps between snapshots: below 1 % of the time
FALLBACK_EVERY = 50


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of all tensors, and the progress that belongs to them."""

    tensors: Mapping[str, torch.Tensor]
    progress: Progress
    best: Mapping[str, torch.Tensor]  # weights of the best validation; empty before the first

    @classmethod
    def take(
        cls, learner: Learner, progress: Progress, best: Mapping[str, torch.Tensor]
    ) -> "Snapshot":
        """Copy what ``learner`` has learnt; ``best`` never changes, so it is shared."""
        tensors = {name: _copy(tensor) for name, tensor in learner.tensors().items()}
        return cls(tensors, progress.copy(), best)


def copy_of_weights(learner: Learner) -> dict[str, torch.Tensor]:
    """Return copies of the weights that the network holds now."""
    return {name: _copy(tensor) for name, tensor in learner.network.state_dict().items()}


def steps_between(device: torch.device) -> int:
    """Return how many steps apart snapshots are; never a question of the clock."""
    return EVERY.get(device.type, FALLBACK_EVERY)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True)
