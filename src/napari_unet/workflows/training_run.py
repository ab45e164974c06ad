"""Run a training from its recipe to its last step, in a run folder.

The Train dock and the command ``train`` drive the same generator: what it leaves in the folder
depends on the recipe only.
"""

import copy
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.network.metadata import named_class
from napari_unet.core.text import count
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.run_folder import RunFolder
from napari_unet.workflows.training_data import TrainingData, ValidationTilePlace, read_sources
from napari_unet.workflows.training_sources import Recipe, files_of, store

if TYPE_CHECKING:
    import torch

    from napari_unet.core.network.unet import UNet
    from napari_unet.core.training.learner import Ranks
    from napari_unet.core.training.step import Step


@dataclass(frozen=True, eq=False)
class Start:
    """A network on its device, with the settings as they hold for it."""

    network: "UNet"
    settings: TrainSettings
    messages: tuple[str, ...] = ()


def start_of(recipe: Recipe, data: TrainingData) -> Start:
    """Build the network, or copy and adapt the one to go on from: that one stays as it is."""
    from napari_unet.core.runtime.device import choose_device
    from napari_unet.core.training.job import settings_of

    settings, changes = recipe.settings, ""
    if recipe.network is None:
        network = new_network(settings, data)
    else:
        network, changes = adapted(recipe.network, data)
        if recipe.keep_normalisation and not recipe.resumed:
            settings = normalised_as(network, settings)
    network.about["pixel_size"] = data.pixel_size or network.about["pixel_size"]
    network.to(choose_device(recipe.device))
    return Start(network, settings_of(network, settings), (changes,) if changes else ())


def new_network(settings: TrainSettings, data: TrainingData) -> "UNet":
    """Return a network with new weights; the random state of torch stays as it is."""
    import torch

    from napari_unet.core.network.unet import UNet

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        network = UNet.of(settings, data.channels, data.classes)
    network.about["classes"] = classes_of(data)
    return network


def adapted(network: "UNet", data: TrainingData) -> "tuple[UNet, str]":
    """Return a copy of ``network`` for the channels and classes of the data, and what is new.

    It keeps classes that are not painted this time.
    """
    from napari_unet.core.network.adapt import adapt

    classes = max(data.classes, network.classes)
    if (data.channels, classes) == (network.channels, network.classes):
        return copy.deepcopy(network), ""
    copied, changes = adapt(network, channels=data.channels, classes=classes)
    return copied, f"{changes[:1].upper()}{changes[1:]}."


def classes_of(data: TrainingData) -> list[dict[str, str]]:
    """Return names and colours as they are in the first annotation layer, for every class."""
    named = next((read.source.classes for read in data.train if read.source.classes), ())
    entries = [{"name": c.name, "color": c.color} for c in named[: data.classes]]
    return entries + [named_class(number) for number in range(len(entries), data.classes)]


def normalised_as(network: "UNet", settings: TrainSettings) -> TrainSettings:
    """Return ``settings`` with the normalisation that ``network`` was trained with."""
    from napari_unet.core.normalisation import Normalisation

    stored = Normalisation.of(network.about)
    return replace(settings, low=stored.low, high=stored.high, flatten=stored.flatten)


@dataclass(frozen=True, eq=False)
class RunStarted:
    """Yielded before the first step. Only the compute thread may use ``network``."""

    network: "UNet"  # that is trained, in place
    settings: TrainSettings
    device: str
    messages: tuple[str, ...] = ()
    tile_place: ValidationTilePlace | None = None  # where a tile can be looked at
    earlier: "tuple[Step, ...]" = ()  # before the checkpoint that it goes on from


def run_training(recipe: Recipe, folder: Path | str) -> "Generator[Step, None, None]":
    """Train as ``recipe`` says, in the run folder ``folder``, and yield every step.

    The folder gets the settings, the facts of the run, the curve, checkpoints and
    ``network.safetensors``. Closed at any step, it leaves the best weights so far there.
    """
    from napari_unet.core.training.step import Step

    with closing(training_events(recipe, Path(folder))) as events:
        for event in events:
            if isinstance(event, Step):
                yield event


def training_events(
    recipe: Recipe, folder: Path, ranks: "Ranks | None" = None, estimated: bool = False
) -> Generator[Any, None, None]:
    """Yield what is being read (str), then RunStarted, then each Step.

    Closed at any yield, it leaves the network with the best weights, and in the folder of the run
    a checkpoint to go on from. With ``estimated`` it measures a step before the first one and
    yields an Estimate after RunStarted. Of several ``ranks`` the first one alone writes.
    """
    from napari_unet.core.training.job import check_can_train

    yield "starting"
    run, leads = RunFolder(folder), ranks is None or ranks.rank == 0
    recipe = _with_network_of(run.facts() if recipe.resumed else {}, recipe)
    data = yield from read_sources(recipe, *_architecture(recipe))
    start = start_of(recipe, data)
    train, held = data.annotations
    check_can_train(start.network, train, held)
    if not leads:
        yield from _steps(recipe, start, data, run, ranks)
        return
    start = _decided(start, recipe)
    earlier = tuple(_earlier(run)) if recipe.resumed else ()
    device = device_name(start.network.head.weight.device)
    messages = (*data.messages, *start.messages)
    yield RunStarted(start.network, start.settings, device, messages, data.tile_place, earlier)
    if estimated and not recipe.resumed:
        from napari_unet.core.training.estimate import estimate

        yield estimate(start.network, train, start.settings)
    yield from _in_folder(run, recipe, start, data, ranks)


def _in_folder(
    run: RunFolder, recipe: Recipe, start: Start, data: TrainingData, ranks: "Ranks | None"
) -> "Generator[str | Step, None, None]":
    """Train in a folder that belongs to this process; one without a step is removed again."""
    if not recipe.resumed:
        run.make()
    stepped = recipe.resumed
    try:
        with run:
            yield from _note(run, recipe, start, data)
            steps = _steps(recipe, start, data, run, ranks)
            with closing(_recorded(run, start, steps)) as recorded:
                for step in recorded:
                    stepped = True
                    yield step
    finally:
        if not stepped:  # nothing is lost with the folder, and the next start finds it free
            shutil.rmtree(run.path)


def _steps(
    recipe: Recipe, start: Start, data: TrainingData, run: RunFolder, ranks: "Ranks | None"
) -> "Generator[Step, None, None]":
    from napari_unet.core.training.train import train

    annotations, validation = data.annotations
    return train(
        start.network, annotations, start.settings, validation=validation, ranks=ranks,
        folder=run.path, resume=run.path if recipe.resumed else None,
    )  # fmt: skip


def _recorded(
    run: RunFolder, start: Start, steps: "Generator[Step, None, None]"
) -> "Generator[Step, None, None]":
    """Write the curve while the steps come, and the network however they end."""
    stepped = complete = False
    try:
        with closing(steps):
            for step in steps:
                stepped = True
                if step.validating is None:
                    row = {"step": step.number, "loss": step.loss, "rate": step.rate}
                    run.add_point({**row, **(step.validation or {}), "seconds": step.seconds})
                yield step
        complete = True
    finally:
        if stepped:
            _save(run, start.network, complete)


def _save(run: RunFolder, network: "UNet", complete: bool) -> None:
    from napari_unet.core.network.network_file import save_network

    save_network(network, run.network, overwrite=True)
    end = network.about["history"][-1]
    run.note(stopped=not complete, steps=end["steps"], end=end)


def device_name(device: "torch.device") -> str:
    """Return the name of a torch device for the interface."""
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


def _note(
    run: RunFolder, recipe: Recipe, start: Start, data: TrainingData
) -> Generator[str, None, None]:
    """Write down what decides the training, and begin the curve."""
    from napari_unet.core.training.checkpoint import versions
    from napari_unet.core.training.resume import points_of

    if not recipe.resumed:
        yield from store(recipe, run)
    reads = {"training": data.train, "validation": data.validation}
    files = yield from files_of(reads, recipe, run)
    run.note(
        name=recipe.name, hold_back=recipe.hold_back, before=recipe.before, versions=versions(),
        device=str(start.network.head.weight.device), seed=start.settings.seed, data=files,
        architecture=asdict(start.network.architecture), about=start.network.about,
        commands=[*run.facts().get("commands", []), sys.argv],
    )  # fmt: skip
    run.write_settings(start.settings)  # last: who can read them can go on
    run.begin_curve(points_of(run.path) if recipe.resumed else ())


def _earlier(run: RunFolder) -> "Iterator[Step]":
    """Yield the steps before the checkpoint."""
    from napari_unet.core.training.resume import points_of
    from napari_unet.core.training.step import Step

    best: float | None = None
    for point in points_of(run.path):
        scores = point if "iou" in point else None
        if scores is not None:
            best = max(point["score"], best if best is not None else point["score"])
        numbers = point["step"], point["loss"], point["rate"], point["seconds"]
        yield Step(*numbers, 0.0, validation=scores, best=best)
