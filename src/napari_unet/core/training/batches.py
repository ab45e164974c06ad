"""Draw the samples of the next steps as tensors, in threads, while the network computes.

A sample depends on seed, step and place in the batch alone, never on how far ahead a thread was: a
run that was stopped and resumed gets the same tiles.
"""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.network.legal_sizes import border
from napari_unet.core.sampling.sample import Sample, draw_sample
from napari_unet.core.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class Batch:
    """Tiles of one step. On CUDA they are in pinned memory, from which the device copies them."""

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


AHEAD = 2  # batches drawn before they are asked for


class Sampler:
    """Batches by number, from ``annotations``; ``first`` is the place of its tiles among ranks'."""

    def __init__(
        self,
        annotations: Sequence[Annotation],
        settings: TrainSettings,
        classes: int,
        device: torch.device,
        first: int = 0,
    ) -> None:
        self._annotations = list(annotations)
        self._settings = settings
        self._classes = classes
        self._device = device
        self._first = first
        self._shares = _shares(annotations, settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="napari-unet sampler")
        self._drawn: dict[int, Future[Batch]] = {}
        self.waited = 0.0  # seconds the training waited for batches, the first one left out

    def take(self, number: int) -> Batch:
        """Return the batch of step ``number`` and go on drawing the next ones."""
        drawn_before = number in self._drawn
        for ahead in range(number, number + 1 + AHEAD):
            if ahead not in self._drawn:
                self._drawn[ahead] = self._thread.submit(self._draw, ahead)
        start = time.perf_counter()
        batch = self._drawn.pop(number).result()
        if drawn_before:
            self.waited += time.perf_counter() - start
        return batch

    def close(self) -> None:
        """Stop drawing; the one sample being drawn is finished."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _draw(self, number: int) -> Batch:
        places = range(self._first, self._first + self._settings.batch)
        samples = [self._sample(number, place) for place in places]
        return Batch.of(samples, self._classes, self._device)

    def _sample(self, number: int, place: int) -> Sample:
        rng = np.random.default_rng([self._settings.seed, number, place])
        chosen = int(rng.choice(len(self._shares), p=self._shares))
        return draw_sample(self._annotations[chosen], self._settings, rng)


def _shares(annotations: Sequence[Annotation], settings: TrainSettings) -> np.ndarray:
    """Return how often each annotation is drawn: as many tiles as its labels fill, at least one.

    So a few strokes are seen as often as a tile full of labels, and a stack more than a plane.
    """
    tile = max(settings.tile - 2 * border(settings.depth), 1) ** settings.dims
    labelled = [np.count_nonzero(a.classes != UNLABELLED) for a in annotations]
    weights = np.array([max(n / tile, 1.0) if n else 0.0 for n in labelled])
    return weights / weights.sum()
