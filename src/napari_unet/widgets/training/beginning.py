"""Beginning: the network and the settings that a training starts from; compute thread only."""

import copy
from dataclasses import dataclass, replace
from typing import Any

from napari_unet.core.networks.about import named_class
from napari_unet.core.settings import TrainSettings
from napari_unet.widgets.training.material import Material
from napari_unet.widgets.training.sources import Recipe


@dataclass(frozen=True, eq=False)
class Start:
    """A network on its device, with the settings as they hold for it."""

    network: Any  # UNet
    settings: TrainSettings
    said: tuple[str, ...] = ()


def start_of(recipe: Recipe, material: Material) -> Start:
    """Build the network, or copy and adapt the one to go on from: that one stays as it is."""
    from napari_unet.core.device import choose_device
    from napari_unet.core.training.readiness import settings_of

    settings, said = recipe.settings, ""
    if recipe.network is None:
        network = new_network(settings, material)
    else:
        network, said = adapted(recipe.network, material)
        settings = settings if recipe.resumed else _normalised_as(network, settings)
    network.about["pixel_size"] = material.pixel_size or network.about["pixel_size"]
    network.to(choose_device(recipe.device))
    return Start(network, settings_of(network, settings), (said,) if said else ())


def new_network(settings: TrainSettings, material: Material) -> Any:
    """Return a network with new weights; the random state of torch stays as it is."""
    import torch

    from napari_unet.core.network import UNet

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(settings.seed)
        network = UNet(
            material.channels, material.classes, settings.base, settings.depth, settings.dims,
            settings.dropout, settings.norm, settings.skips,
        )  # fmt: skip
    network.about["classes"] = classes_of(material)
    return network


def adapted(network: Any, material: Material) -> tuple[Any, str]:
    """Return a copy of ``network`` for the channels and classes of the material, and what is new.

    Classes that are not painted this time are still known to it.
    """
    from napari_unet.core.networks.adapting import adapt

    classes = max(material.classes, network.classes)
    if (material.channels, classes) == (network.channels, network.classes):
        return copy.deepcopy(network), ""
    found, said = adapt(network, channels=material.channels, classes=classes)
    return found, f"{said[:1].upper()}{said[1:]}."


def classes_of(material: Material) -> list[dict[str, str]]:
    """Return names and colours as they are in the first annotation layer, for every class."""
    named = next((read.source.classes for read in material.train if read.source.classes), ())
    given = [{"name": c.name, "color": c.color} for c in named[: material.classes]]
    return given + [named_class(number) for number in range(len(given), material.classes)]


def _normalised_as(network: Any, settings: TrainSettings) -> TrainSettings:
    """A network goes on with images normalised as those it has learnt from."""
    from napari_unet.core.normalisation import Normalisation

    seen = Normalisation.of(network.about)
    return replace(settings, low=seen.low, high=seen.high, flatten=seen.flatten)
