"""TrainingEstimate: time and memory of a training before it starts; made in the compute thread."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.training_data import TrainingData, read_sources
from napari_unet.workflows.training_run import device_name, start_of
from napari_unet.workflows.training_sources import Recipe

if TYPE_CHECKING:
    import torch

    from napari_unet.core.network.unet import UNet

# what decides the time of a step and its memory, beside network, device and channels
DECISIVE = ("tile", "batch", "precision", "optimiser", "ema", "weighting", "flatten", "grid")
KEPT = 64

_MEASURED: dict[tuple[Any, ...], Any] = {}  # Estimates; compute thread only


@dataclass(frozen=True, eq=False)
class TrainingEstimate:
    """Device, time, memory and problems of a training before it starts."""

    facts: tuple[str, ...] = ()  # of each source, in the order of the recipe
    messages: tuple[str, ...] = ()
    problem: str = ""  # why it cannot start
    device: str = ""  # its name
    kind: str = ""  # cpu, cuda or mps
    minutes: float = 0.0  # usual on such a device
    suggested: str = ""  # preset
    reason: str = ""
    seconds: float = 0.0  # per step; 0 while it is not measured
    steps: int = 0
    memory: int = 0  # bytes
    free: int = 0  # bytes
    tile: int = 0  # px that fit into memory

    @property
    def fits(self) -> bool:
        """Whether there is memory enough."""
        return not self.memory or self.memory <= self.free


def estimate_training(recipe: Recipe) -> Generator[Any, None, TrainingEstimate]:
    """Read the annotations and measure a step; a newer request may end it at a yield."""
    from napari_unet.core.runtime.device import choose_device

    try:
        estimate = _of_device(recipe, choose_device(recipe.device))
    except ValueError as error:
        return TrainingEstimate(problem=str(error))
    yield estimate
    of = recipe.settings if recipe.network is None else recipe.network
    data: TrainingData | None = None
    try:
        data = yield from read_sources(recipe, of.depth, of.dims)
        return (yield from _estimated(recipe, data, estimate))
    except (ValueError, TypeError, OSError) as error:
        return replace(estimate, problem=str(error), facts=data.facts if data else ())


def _of_device(recipe: Recipe, device: "torch.device") -> TrainingEstimate:
    from napari_unet.core.training.settings import MINUTES, suggest_preset

    usual = MINUTES[device.type]
    minutes = recipe.settings.minutes or usual
    suggestion = suggest_preset(device.type, minutes)
    return TrainingEstimate(
        device=device_name(device),
        kind=device.type,
        minutes=usual,
        suggested=suggestion.preset,
        reason=suggestion.reason,
    )


def _estimated(
    recipe: Recipe, data: TrainingData, unmeasured: TrainingEstimate
) -> Generator[Any, None, TrainingEstimate]:
    from napari_unet.core.runtime.device import memory_free
    from napari_unet.core.training.estimate import estimate, steps_in
    from napari_unet.core.training.job import check_can_train

    unmeasured = replace(unmeasured, facts=data.facts, messages=data.messages)
    yield unmeasured
    start = start_of(recipe, data)
    train = [read.annotation for read in data.train]
    check_can_train(start.network, train, [read.annotation for read in data.validation])
    key = _key(start.network, start.settings)
    if key not in _MEASURED:
        if len(_MEASURED) >= KEPT:
            _MEASURED.clear()
        _MEASURED[key] = estimate(start.network, train, start.settings)
    taken = _MEASURED[key]
    return replace(
        unmeasured,
        messages=(*unmeasured.messages, *start.messages),
        seconds=taken.seconds_per_step,
        steps=steps_in(start.settings, taken.seconds_per_step),
        memory=taken.memory_bytes,
        free=memory_free(start.network.head.weight.device),
        tile=taken.tile,
    )


def _key(network: "UNet", settings: TrainSettings) -> tuple[Any, ...]:
    decisive = tuple(getattr(settings, name) for name in DECISIVE)
    device = network.head.weight.device
    return (network.architecture, decisive, str(device), device_name(device))
