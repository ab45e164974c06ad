"""Batch: samples as tensors, made ready off the training's thread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_unet.core.annotation import UNLABELLED
from napari_unet.core.sample import Sample


@dataclass(frozen=True, eq=False)
class Batch:
    """Tiles of one step. On CUDA they wait in pinned memory, from which they copy by themselves."""

    image: torch.Tensor  # (B, C, *input) float32, normalised
    classes: torch.Tensor  # (B, *output) uint8, 255 where unlabelled
    weights: torch.Tensor  # (B, *output) float32
    idle: float  # the loss when every class gets the same score

    @classmethod
    def of(cls, samples: Sequence[Sample], classes: int, device: torch.device) -> "Batch":
        """Stack ``samples`` for a network of that many ``classes`` on ``device``."""
        idle = math.log(classes) * float(np.mean([_mean_weight(sample) for sample in samples]))
        image, labels, weights = (
            _stacked(arrays, device)
            for arrays in zip(*((s.image, s.classes, s.weights) for s in samples), strict=True)
        )
        return cls(image, labels, weights, idle)

    def to(self, device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        """Return image, classes and weights on ``device``, without waiting for the copy."""
        image = self.image.to(device, dtype, non_blocking=True)
        classes = self.classes.to(device, non_blocking=True)
        return image, classes, self.weights.to(device, dtype, non_blocking=True)


def _stacked(arrays: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(np.stack(arrays))
    return tensor.pin_memory() if device.type == "cuda" else tensor


def _mean_weight(sample: Sample) -> float:
    labelled = sample.classes != UNLABELLED
    return float(sample.weights[labelled].mean(dtype=np.float64))
