"""Course: a training from its recipe to its last step; a generator for the compute thread.

Beginning: the network and the settings that a training starts from; compute thread only.
"""

import copy
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from napari_unet.core.network.metadata import named_class
from napari_unet.core.text import count
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.run_folder import RunFolder
from napari_unet.workflows.training_data import TrainingData, ValidationTilePlace, gather
from napari_unet.workflows.training_sources import Recipe, store


@dataclass(frozen=True, eq=False)
class Start:
    """A network on its device, with the settings as they hold for it."""

    network: Any  # UNet
    settings: TrainSettings
    said: tuple[str, ...] = ()


def start_of(recipe: Recipe, material: TrainingData) -> Start:
    """Build the network, or copy and adapt the one to go on from: that one stays as it is."""
    from napari_unet.core.runtime.device import choose_device
    from napari_unet.core.training.job import settings_of

    settings, said = recipe.settings, ""
    if recipe.network is None:
        network = new_network(settings, material)
    else:
        network, said = adapted(recipe.network, material)
        settings = settings if recipe.resumed else _normalised_as(network, settings)
    network.about["pixel_size"] = material.pixel_size or network.about["pixel_size"]
    network.to(choose_device(recipe.device))
    return Start(network, settings_of(network, settings), (said,) if said else ())


def new_network(settings: TrainSettings, material: TrainingData) -> Any:
    """Return a network with new weights; the random state of torch stays as it is."""
    import torch

    from napari_unet.core.network.unet import UNet

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        network = UNet(
            material.channels, material.classes, settings.base, settings.depth, settings.dims,
            settings.dropout, settings.norm, settings.skips,
        )  # fmt: skip
    network.about["classes"] = classes_of(material)
    return network


def adapted(network: Any, material: TrainingData) -> tuple[Any, str]:
    """Return a copy of ``network`` for the channels and classes of the material, and what is new.

    Classes that are not painted this time are still known to it.
    """
    from napari_unet.core.network.adapt import adapt

    classes = max(material.classes, network.classes)
    if (material.channels, classes) == (network.channels, network.classes):
        return copy.deepcopy(network), ""
    found, said = adapt(network, channels=material.channels, classes=classes)
    return found, f"{said[:1].upper()}{said[1:]}."


def classes_of(material: TrainingData) -> list[dict[str, str]]:
    """Return names and colours as they are in the first annotation layer, for every class."""
    named = next((read.source.classes for read in material.train if read.source.classes), ())
    given = [{"name": c.name, "color": c.color} for c in named[: material.classes]]
    return given + [named_class(number) for number in range(len(given), material.classes)]


def _normalised_as(network: Any, settings: TrainSettings) -> TrainSettings:
    """A network goes on with images normalised as those it has learned from."""
    from napari_unet.core.normalisation import Normalisation

    seen = Normalisation.of(network.about)
    return replace(settings, low=seen.low, high=seen.high, flatten=seen.flatten)


@dataclass(frozen=True, eq=False)
class RunStarted:
    """Told before the first step. The network is looked at in the compute thread only."""

    network: Any  # that is trained, in place
    settings: TrainSettings
    device: str
    said: tuple[str, ...] = ()
    place: ValidationTilePlace | None = None  # where a tile can be looked at
    earlier: tuple[Any, ...] = ()  # Steps before the checkpoint that it goes on from


def run_training(recipe: Recipe) -> Generator[Any, None, None]:
    """Yield what is being read, then Begun, then each Step.

    Closed at any yield, it leaves the network with the best weights, and in the folder of the run
    a checkpoint to go on from.
    """
    assert recipe.run is not None
    yield "starting"
    run = RunFolder(recipe.run)
    known = run.facts() if recipe.resumed else {}
    recipe = _with_network_of(known, recipe)
    depth, dims = _architecture(recipe)
    material = yield from gather(recipe, depth, dims)
    start = _decided(start_of(recipe, material), recipe)
    if not recipe.resumed:
        run.make()
    with run:
        if not recipe.resumed:
            yield from store(recipe, run)
            _note(run, recipe, start)
        earlier = _earlier(run) if recipe.resumed else ()
        said = (*material.said, *start.said)
        where = device_name(start.network.head.weight.device)
        yield RunStarted(start.network, start.settings, where, said, material.place, earlier)
        yield from _steps(recipe, start, material, run)


def _steps(
    recipe: Recipe, start: Start, material: TrainingData, run: RunFolder
) -> Generator[Any, None, None]:
    from napari_unet.core.training.resume import points_of
    from napari_unet.core.training.train import train

    run.begin_curve(points_of(run.path) if recipe.resumed else ())
    steps = train(
        start.network,
        [read.annotation for read in material.train],
        start.settings,
        validation=[read.annotation for read in material.validation],
        folder=run.path,
        resume=run.path if recipe.resumed else None,
    )
    with closing(steps):
        for step in steps:
            if step.validating is None:
                row = {"step": step.number, "loss": step.loss, "rate": step.rate}
                run.add_point({**row, **(step.validation or {}), "seconds": step.seconds})
            yield step


def device_name(device: Any) -> str:
    """Name a torch device as people know it."""
    import torch

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {count(threads, 'thread')}"


def _architecture(recipe: Recipe) -> tuple[int, int]:
    of = recipe.settings if recipe.network is None else recipe.network
    return of.depth, of.dims


def _with_network_of(known: Mapping[str, Any], recipe: Recipe) -> Recipe:
    """Give a training that is resumed a network like the one it began with."""
    if not known:
        return recipe
    from napari_unet.core.network.unet import UNet

    network = UNet(**known["architecture"])
    network.about = dict(known["about"])
    return replace(recipe, network=network)


def _decided(start: Start, recipe: Recipe) -> Start:
    """Decide on the precision once, so that a resumed training computes as this one does."""
    from napari_unet.core.training.learner import compute_dtype

    if recipe.resumed:
        return start
    dtype = str(compute_dtype(start.network, start.settings)).removeprefix("torch.")
    precision = "float32" if dtype == "float64" else dtype
    return replace(start, settings=replace(start.settings, precision=precision))


def _note(run: RunFolder, recipe: Recipe, start: Start) -> None:
    from napari_unet.core.training.checkpoint import versions

    run.write_settings(start.settings)
    run.note(
        name=recipe.name, hold_back=recipe.hold_back, before=recipe.before, versions=versions(),
        device=str(start.network.head.weight.device), seed=start.settings.seed,
        architecture=asdict(start.network.architecture), about=start.network.about,
    )  # fmt: skip


def _earlier(run: RunFolder) -> tuple[Any, ...]:
    return tuple(_steps_of(run))


def _steps_of(run: RunFolder) -> Iterator[Any]:
    from napari_unet.core.training.resume import points_of
    from napari_unet.core.training.step import Step

    best: float | None = None
    for point in points_of(run.path):
        scores = point if "iou" in point else None
        if scores is not None:
            best = max(point["score"], best if best is not None else point["score"])
        numbers = point["step"], point["loss"], point["rate"], point["seconds"]
        yield Step(*numbers, 0.0, validation=scores, best=best)
