"""Train a network on annotated images; it can be stopped at any time and resumed.

Pace: how fast the steps of a training come, for the line that tells of it.

Beginning: the network and the settings that a training on the command line starts from.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Interruption, Report, add_settings, changed, given, group_of
from napari_unet.cli.preview import add_coding, refuse_existing
from napari_unet.cli.training_data import FileTrainingData, read_data
from napari_unet.core.text import duration, short_duration
from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.workflows.run_folder import RunFolder

if TYPE_CHECKING:
    from napari_unet.cluster.ranks import TorchRanks
    from napari_unet.core.network.unet import UNet
    from napari_unet.core.training.step import Step


class Pace:
    """How fast steps come since the first one, and the last IoU, for the live line."""

    def __init__(self, first: "Step") -> None:
        self._number, self._seconds = first.number - 1, 0.0
        if self._number:  # resumed: seconds of the earlier session do not count
            self._number, self._seconds = first.number, first.seconds
        self._iou = ""

    def line(self, step: "Step") -> str:
        """Return step, loss, IoU, seconds a step, and the time left."""
        if step.validation:
            self._iou = f"  IoU {step.validation['iou']:.3f}"
        steps = step.number - self._number
        pace = f"  {short_duration((step.seconds - self._seconds) / steps)}/step" if steps else ""
        doing = "  validating" if step.validating is not None else ""
        left = duration(step.seconds_left)
        return f"step {step.number}  loss {step.loss:.4f}{self._iou}{pace}  {left} left{doing}"


def given_network(arguments: argparse.Namespace) -> "UNet | None":
    """Return the network to continue, whose architecture stays as it is."""
    if arguments.network is None:
        return None
    from napari_unet.core.network.network_file import load_network

    fixed = [name for name in given(arguments) if group_of(name) == "network"]
    if fixed:
        raise ValueError(f"the architecture is that of {arguments.network}: leave out --{fixed[0]}")
    return load_network(arguments.network)


def adapted(network: "UNet", data: FileTrainingData, report: Report) -> "UNet":
    """Return ``network`` for the channels and classes of the data."""
    from napari_unet.core.network.adapt import adapt

    classes = max(data.classes, network.classes)
    if (data.channels, classes) == (network.channels, network.classes):
        return network
    network, said = adapt(network, channels=data.channels, classes=classes)
    report.warn(said)
    return network


def first_settings(
    arguments: argparse.Namespace, report: Report, device: str, before: "UNet | None"
) -> TrainSettings:
    """Return the settings of the preset, chosen if none is named, with what was given."""
    from napari_unet.core.normalisation import Normalisation
    from napari_unet.core.training.settings import MINUTES, suggest_preset

    flags = given(arguments)
    minutes = flags.get("minutes", 0.0 if "steps" in flags else MINUTES[device])
    preset = arguments.preset
    if preset is None:
        preset, reason = suggest_preset(device, minutes or MINUTES[device])
        report.warn(reason, preset=preset)
    settings = TrainSettings.preset(preset, seed=arguments.seed, minutes=minutes)
    if before is not None:  # it has learned on images normalised in its own way
        seen = Normalisation.of(before.about)
        settings = replace(settings, low=seen.low, high=seen.high, flatten=seen.flatten)
    return changed(settings, arguments)


def new_network(settings: TrainSettings, data: FileTrainingData) -> "UNet":
    """Return a network with new weights; the random state of torch stays as it is."""
    import torch

    from napari_unet.core.network.unet import UNet

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        return UNet(
            data.channels, data.classes, settings.base, settings.depth, settings.dims,
            settings.dropout, settings.norm, settings.skips,
        )  # fmt: skip


def network_of_run(facts: Mapping[str, Any]) -> "UNet":
    """Return a network as the one that the run began with; its weights are in the checkpoint."""
    from napari_unet.core.network.unet import UNet

    network = UNet(**facts["architecture"])
    network.about = dict(facts["about"])
    return network


ABOUT = "train a network on annotated images"
DONE, INTERRUPTED = 0, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", type=Path, help="an image, or a folder of images")
    parser.add_argument("labels", type=Path, help="its labels, or a folder of labels")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NETWORK")
    add_coding(parser)
    parser.add_argument(
        "--preset", choices=list(PRESETS), help="settings to begin with (default: by device, time)"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume", action="store_true", help="go on with the training that was stopped"
    )
    begin.add_argument(
        "--continue", type=Path, dest="network", metavar="NETWORK",
        help="begin with the weights of a network instead of new ones",
    )  # fmt: skip
    held = parser.add_argument_group("validation")
    held.add_argument("--validation-images", type=Path, metavar="IMAGES")
    held.add_argument("--validation-labels", type=Path, metavar="LABELS")
    held.add_argument(
        "--validate-share", type=float, metavar="X",
        help="share of the labels held back to validate on: whole images of four or more, else a "
        "block of one (default 0.15 where enough is labelled; 0: none)",
    )  # fmt: skip
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train on this machine, or with the other ranks that torchrun started."""
    # large tensors in large pages: a tenth of the page faults, and no memory more; read by torch
    # when it first takes memory
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from napari_unet.cluster.ranks import joined

    with joined() as ranks:
        leads = ranks is None or ranks.rank == 0
        return _Training(
            arguments, Report(arguments) if leads else _Silence(arguments), ranks
        ).run()


class _Silence(Report):
    """What the ranks other than the first one tell."""

    def live(self, text: str, **facts: Any) -> None:
        """Tell nothing."""

    say = warn = live


class _Training:
    """One training from files to a file."""

    def __init__(
        self, arguments: argparse.Namespace, report: Report, ranks: "TorchRanks | None"
    ) -> None:
        self.arguments, self.report, self.ranks = arguments, report, ranks
        self.leads = ranks is None or ranks.rank == 0
        self.folder = RunFolder.beside(arguments.output)
        self._pace: Pace | None = None

    def run(self) -> int:
        from napari_unet.cluster.ranks import device_name
        from napari_unet.core.runtime.device import choose_device
        from napari_unet.core.training.job import settings_of

        refuse_existing(self.arguments.output)
        device = choose_device(device_name(self.arguments.device))
        before = given_network(self.arguments)
        settings = self._settings(device.type, before)
        depth, dims = (before or settings).depth, (before or settings).dims
        data = read_data(self.arguments, self.report, depth, dims)
        network = self._network(before, settings, data)
        network.about["pixel_size"] = data.pixel_size
        network.to(device)
        settings = settings_of(network, settings)
        if not self.leads:
            return self._train(network, settings, data)
        if not self.arguments.resume:
            settings = self._announced(network, settings, data)
            self.folder.make()
        with self.folder:
            return self._train(network, settings, data)

    def _settings(self, device: str, before: "UNet | None") -> TrainSettings:
        if self.arguments.resume:
            return changed(self.folder.settings(), self.arguments)
        return first_settings(self.arguments, self.report, device, before)

    def _network(
        self, before: "UNet | None", settings: TrainSettings, data: FileTrainingData
    ) -> "UNet":
        if self.arguments.resume:
            return network_of_run(self.folder.facts())
        if before is None:
            return new_network(settings, data)
        return adapted(before, data, self.report)

    def _announced(
        self, network: "UNet", settings: TrainSettings, data: FileTrainingData
    ) -> TrainSettings:
        """Tell what the training will take, measured on a step; return what it decided on."""
        from napari_unet.core.training.estimate import estimate
        from napari_unet.core.training.learner import compute_dtype

        # decided once, so that a resumed training computes as this one does
        dtype = str(compute_dtype(network, settings)).removeprefix("torch.")
        settings = replace(settings, precision="float32" if dtype == "float64" else dtype)
        expected = estimate(network, data.train, settings)
        self.report.warn(
            f"{expected.sentence}; {network.head.weight.device}, {dtype}", **asdict(expected)
        )
        return settings

    def _train(self, network: "UNet", settings: TrainSettings, data: FileTrainingData) -> int:
        from napari_unet.core.network.network_file import save_network
        from napari_unet.core.training.step import DivergenceError
        from napari_unet.core.training.train import train

        resume = self.folder.path if self.arguments.resume else None
        steps = train(
            network, data.train, settings, validation=data.validation, ranks=self.ranks,
            folder=self.folder.path, resume=resume,
        )  # fmt: skip
        if self.leads:
            self._begin(network, settings, data)
        try:
            with Interruption() as interruption:
                for step in steps:
                    self._tell(step)
                    if interruption.wanted:
                        break
                steps.close()
        except DivergenceError:
            if self.leads:
                save_network(network, self.folder.network, overwrite=True)
            raise
        return self._finish(network, interruption.wanted)

    def _begin(self, network: "UNet", settings: TrainSettings, data: FileTrainingData) -> None:
        from napari_unet.core.training.checkpoint import versions
        from napari_unet.core.training.resume import points_of

        self.folder.write_settings(settings)
        earlier = self.folder.facts().get("commands", [])
        self.folder.note(
            commands=[*earlier, sys.argv], versions=versions(), seed=settings.seed,
            device=str(network.head.weight.device), data=data.sources,
            architecture=asdict(network.architecture), about=network.about,
        )  # fmt: skip
        self.folder.begin_curve(points_of(self.folder.path) if self.arguments.resume else ())

    def _tell(self, step: "Step") -> None:
        if not self.leads:
            return
        if step.said:
            self.report.warn(step.said, step=step.number)
        scores = step.validation or {}
        if step.validating is None:
            row = {"step": step.number, "loss": step.loss, "rate": step.rate, **scores}
            self.folder.add_point({**row, "seconds": step.seconds})
        self._pace = self._pace or Pace(step)
        self.report.live(self._pace.line(step), **asdict(step))

    def _finish(self, network: "UNet", stopped: bool) -> int:
        """Save the network; the one that was asked for only when the training is complete."""
        if not self.leads:
            return INTERRUPTED if stopped else DONE
        from napari_unet.core.network.network_file import save_network

        done = network.about["history"][-1]
        save_network(network, self.folder.network, overwrite=True)
        self.folder.note(stopped=stopped, steps=done["steps"], end=done)
        if stopped:
            self.report.warn(
                f"stopped at step {done['steps']}: the network so far is {self.folder.network}; go "
                "on with the same command and --resume",
                network=self.folder.network, step=done["steps"],
            )  # fmt: skip
            return INTERRUPTED
        save_network(network, self.arguments.output)
        best = done["validation"]
        scored = f", IoU {best['iou']:.3f} at step {best['step']}" if best else ""
        time = duration(done["seconds"])
        self.report.say(
            f"{self.arguments.output}: {done['steps']} steps in {time}{scored}",
            network=self.arguments.output, **done,
        )  # fmt: skip
        return DONE
