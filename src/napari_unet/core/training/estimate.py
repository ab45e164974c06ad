"""Estimate the time and the memory of a training from one step measured before it."""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.runtime.device import memory_free
from napari_unet.core.runtime.memory import is_out_of_memory
from napari_unet.core.text import count, duration, memory, short_duration
from napari_unet.core.training.batches import Sampler
from napari_unet.core.training.job import check_can_train, settings_of
from napari_unet.core.training.learner import Learner, compute_dtype
from napari_unet.core.training.settings import TrainSettings, smaller_tile

LONGEST = 1.0  # seconds after which no further step is measured
MOST = 3  # steps measured


class SavedTensors:
    """Bytes that the forward pass keeps for the backward pass."""

    bytes = 0
    largest = 0  # of one tensor


@contextmanager
def counted() -> Iterator[SavedTensors]:
    """Count what autograd keeps within; a tensor kept twice counts once."""
    saved, storages = SavedTensors(), set[int]()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in storages:
            storages.add(storage.data_ptr())
            saved.bytes += storage.nbytes()
            saved.largest = max(saved.largest, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield saved


@dataclass(frozen=True)
class Estimate:
    """What a training will take."""

    seconds_per_step: float
    steps: int
    memory_bytes: int  # on the device
    tile: int  # input edge that fits into memory, in pixels
    sentence: str


def estimate(network: UNet, annotations: Sequence[Annotation], settings: TrainSettings) -> Estimate:
    """Measure a step of training ``network``, on a copy of it: nothing changes."""
    settings = settings_of(network, settings)
    annotations = check_can_train(network, annotations, ())
    while True:
        try:
            seconds, taken = _measured(network, annotations, settings)
            break
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        settings = replace(settings, tile=smaller_tile(settings))
    steps = steps_in(settings, seconds)
    free = memory_free(network.head.weight.device)
    sentence = (
        f"about {count(steps, 'step')} of {short_duration(seconds)} in {duration(steps * seconds)}"
        f", tiles of {settings.tile} px, {memory(taken)} of memory of {memory(free)} free"
    )
    return Estimate(seconds, steps, taken, settings.tile, sentence)


def steps_in(settings: TrainSettings, seconds: float) -> int:
    """Return how many steps of so many ``seconds`` the budget allows."""
    if not settings.minutes:
        return settings.steps
    return max(math.floor(settings.minutes * 60 / seconds), 1)


def _measured(
    network: UNet, annotations: Sequence[Annotation], settings: TrainSettings
) -> tuple[float, int]:
    """Return the seconds of a step and the bytes it holds at most, network included."""
    twin = copy.deepcopy(network).train()
    learner = Learner(twin, settings, compute_dtype(twin, settings))
    sampler = Sampler(annotations, settings, twin.classes, learner.device)
    try:
        batch = sampler.take(1)
        with counted() as held:
            learner.learn(batch, settings.rate, 1).value()
        times: list[float] = []
        while len(times) < MOST and sum(times) < LONGEST:
            start = time.perf_counter()
            learner.learn(batch, settings.rate, 2 + len(times)).value()
            times.append(time.perf_counter() - start)
    finally:
        sampler.close()
    return min(times), _peak(learner, held.bytes, held.largest)


def _peak(learner: Learner, held: int, largest: int) -> int:
    """Return the bytes in use at the height of a step: see the terms."""
    weights = sum(p.numel() * p.element_size() for p in learner.network.parameters())
    kept = sum(t.numel() * t.element_size() for t in learner.tensors().values())
    snapshots = 2 * kept if learner.device.type == "cpu" else 0
    # gradients of features come and go: about three of the largest exist at a time
    return kept + weights + held + 3 * largest + snapshots
