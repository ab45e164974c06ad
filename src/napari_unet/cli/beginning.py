"""Beginning: the network and the settings that a training on the command line starts from."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_unet.cli.flags import changed, given, group_of
from napari_unet.cli.report import Report
from napari_unet.cli.trainingdata import TrainingData
from napari_unet.core.settings import TrainSettings

if TYPE_CHECKING:
    from napari_unet.core.network import UNet


def given_network(arguments: argparse.Namespace) -> "UNet | None":
    """Return the network to continue, whose architecture stays as it is."""
    if arguments.network is None:
        return None
    from napari_unet.core.networkfile import load_network

    fixed = [name for name in given(arguments) if group_of(name) == "network"]
    if fixed:
        raise ValueError(f"the architecture is that of {arguments.network}: leave out --{fixed[0]}")
    return load_network(arguments.network)


def adapted(network: "UNet", data: TrainingData, report: Report) -> "UNet":
    """Return ``network`` for the channels and classes of the data."""
    from napari_unet.core.networks.adapting import adapt

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
    from napari_unet.core.training.suggestion import MINUTES, suggest_preset

    flags = given(arguments)
    minutes = flags.get("minutes", 0.0 if "steps" in flags else MINUTES[device])
    preset = arguments.preset
    if preset is None:
        preset, reason = suggest_preset(device, minutes or MINUTES[device])
        report.warn(reason, preset=preset)
    settings = TrainSettings.preset(preset, seed=arguments.seed, minutes=minutes)
    if before is not None:  # it has learnt on images normalised in its own way
        seen = Normalisation.of(before.about)
        settings = replace(settings, low=seen.low, high=seen.high, flatten=seen.flatten)
    return changed(settings, arguments)


def new_network(settings: TrainSettings, data: TrainingData) -> "UNet":
    """Return a network with new weights; the random state of torch stays as it is."""
    import torch

    from napari_unet.core.network import UNet

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        return UNet(
            data.channels, data.classes, settings.base, settings.depth, settings.dims,
            settings.dropout, settings.norm, settings.skips,
        )  # fmt: skip


def network_of_run(facts: Mapping[str, Any]) -> "UNet":
    """Return a network as the one that the run began with; its weights are in the checkpoint."""
    from napari_unet.core.network import UNet

    network = UNet(**facts["architecture"])
    network.about = dict(facts["about"])
    return network
