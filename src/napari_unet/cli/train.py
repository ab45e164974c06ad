"""Train a network on annotated images; it can be stopped at any time and resumed."""

import argparse
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Interruption, Report, add_settings, changed, given, group_of
from napari_unet.cli.preview import add_coding, refuse_existing
from napari_unet.core.text import duration, short_duration
from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.workflows.run_folder import RunFolder

if TYPE_CHECKING:
    from napari_unet.cluster.ranks import TorchRanks
    from napari_unet.core.network.unet import UNet
    from napari_unet.core.training.step import Step
    from napari_unet.workflows.training_run import RunStarted
    from napari_unet.workflows.training_sources import Recipe, Source


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


def first_settings(
    arguments: argparse.Namespace, report: Report, device: str, before: "UNet | None"
) -> TrainSettings:
    """Return the settings of the preset, chosen if none is named, with what was given."""
    from napari_unet.core.training.settings import MINUTES, suggest_preset
    from napari_unet.workflows.training_run import normalised_as

    flags = given(arguments)
    minutes = flags.get("minutes", 0.0 if "steps" in flags else MINUTES[device])
    preset = arguments.preset
    if preset is None:
        preset, reason = suggest_preset(device, minutes or MINUTES[device])
        report.warn(reason, preset=preset)
    settings = TrainSettings.preset(preset, seed=arguments.seed, minutes=minutes)
    if before is not None:
        settings = normalised_as(before, settings)
    return changed(settings, arguments)


ABOUT = "train a network on annotated images"
DONE, INTERRUPTED = 0, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", type=Path, nargs="?", help="an image, or a folder of images")
    parser.add_argument("labels", type=Path, nargs="?", help="its labels, or a folder of labels")
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
    parser.add_argument(
        "--run", type=Path, dest="folder", metavar="FOLDER",
        help="the folder of the run (default: NETWORK with .run at its end); with --resume also "
        "one of the Train dock, and without images those of the run are read",
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
        self.folder = RunFolder(arguments.folder or RunFolder.beside(arguments.output).path)
        self._begun: RunStarted | None = None
        self._pace: Pace | None = None

    def run(self) -> int:
        from napari_unet.workflows.training_run import training_events

        refuse_existing(self.arguments.output)
        recipe = self._recipe()
        events = training_events(recipe, self.folder.path, self.ranks, estimated=True)
        with Interruption() as interruption, closing(events):
            for event in events:
                if self.leads:
                    self._report_event(event)
                if interruption.wanted:
                    break
        return self._finish(interruption.wanted)

    def _recipe(self) -> "Recipe":
        """Return all that decides the training."""
        from napari_unet.cluster.ranks import device_name
        from napari_unet.core.runtime.device import choose_device
        from napari_unet.workflows.training_sources import Recipe

        arguments = self.arguments
        device = device_name(arguments.device)
        if arguments.resume:
            return self._resumed(device)
        before = given_network(arguments)
        kind = choose_device(device).type
        settings = first_settings(arguments, self.report, kind, before)
        return Recipe(
            arguments.output.stem, self._sources(), settings,
            hold_back=arguments.validate_share, network=before,
            before=arguments.network.stem if arguments.network else "",
            before_path=arguments.network, keep_normalisation=False,  # flags may change it
            device=device,
        )  # fmt: skip

    def _resumed(self, device: str) -> "Recipe":
        """Return the recipe of the run, with what was given anew."""
        from napari_unet.workflows.unfinished_runs import resumed

        arguments, recipe = self.arguments, resumed(self.folder.path)
        share = arguments.validate_share
        return replace(
            recipe, settings=changed(recipe.settings, arguments), device=device,
            sources=recipe.sources if arguments.images is None else self._sources(),
            hold_back=recipe.hold_back if share is None else share,
        )  # fmt: skip

    def _sources(self) -> "Sequence[Source]":
        from napari_unet.workflows.training_sources import FileSource

        arguments = self.arguments
        if (arguments.validation_images is None) != (arguments.validation_labels is None):
            raise ValueError("give --validation-images and --validation-labels together")
        if arguments.labels is None:
            raise ValueError("give the images and their labels: napari-unet train IMAGES LABELS")
        meaning = arguments.zero, arguments.ids
        sources = [FileSource(arguments.images, arguments.labels, "train", *meaning)]
        if arguments.validation_images:
            held = arguments.validation_images, arguments.validation_labels
            sources.append(FileSource(*held, "validate", *meaning))
        return sources

    def _report_event(self, event: Any) -> None:
        from napari_unet.core.training.estimate import Estimate
        from napari_unet.workflows.training_run import RunStarted

        if isinstance(event, str):
            self.report.live(event)
        elif isinstance(event, RunStarted):
            self._begun = event
            for sentence in event.messages:
                self.report.warn(sentence)
        elif isinstance(event, Estimate):
            assert self._begun is not None
            device = self._begun.network.head.weight.device
            precision = self._begun.settings.precision
            self.report.warn(f"{event.sentence}; {device}, {precision}", **asdict(event))
        else:
            self._step(event)

    def _step(self, step: "Step") -> None:
        if step.said:
            self.report.warn(step.said, step=step.number)
        self._pace = self._pace or Pace(step)
        self.report.live(self._pace.line(step), **asdict(step))

    def _finish(self, stopped: bool) -> int:
        """Save the network under the name asked for, but only when the training is complete."""
        if not self.leads:
            return INTERRUPTED if stopped else DONE
        from napari_unet.core.network.network_file import save_network

        end = self.folder.facts().get("end", {})
        if stopped and not end:
            self.report.warn("stopped before the first step")
            return INTERRUPTED
        if stopped:
            self.report.warn(
                f"stopped at step {end['steps']}: the network so far is {self.folder.network}; go "
                "on with the same command and --resume",
                network=self.folder.network, step=end["steps"],
            )  # fmt: skip
            return INTERRUPTED
        assert self._begun is not None
        save_network(self._begun.network, self.arguments.output)
        best = end["validation"]
        scored = f", IoU {best['iou']:.3f} at step {best['step']}" if best else ""
        time = duration(end["seconds"])
        self.report.say(
            f"{self.arguments.output}: {end['steps']} steps in {time}{scored}",
            network=self.arguments.output, **end,
        )  # fmt: skip
        return DONE
