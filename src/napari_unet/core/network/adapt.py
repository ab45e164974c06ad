"""Adapt a trained network to other channels or classes; all other weights stay the same bits."""

import copy
from dataclasses import asdict, replace

from napari_unet.core.network.legal_sizes import Architecture
from napari_unet.core.network.metadata import named_class
from napari_unet.core.network.unet import UNet

FIRST, HEAD = "contract.0.first.", "head."  # the layers that see channels, and classes


def adapt(
    network: UNet, *, channels: int | None = None, classes: int | None = None
) -> tuple[UNet, str]:
    """Return a copy of ``network`` for other channels or classes, and which layers start anew.

    The layer concerned is drawn as for a new network; it has to be trained before it is of use.
    Names and colours of the classes that remain are kept.
    """
    before = network.architecture
    after = replace(
        before,
        channels=before.channels if channels is None else channels,
        classes=before.classes if classes is None else classes,
    )
    fresh = _fresh_layers(before, after)
    adapted = UNet(**asdict(after)).to(network.head.weight)
    kept = {
        name: weight
        for name, weight in network.state_dict().items()
        if not name.startswith(tuple(fresh))
    }
    adapted.load_state_dict(kept, strict=False)
    changes = "; ".join(fresh.values()) or "nothing had to change"
    adapted.about = _about(network, after.classes, changes)
    return adapted.train(network.training), changes


def _fresh_layers(before: Architecture, after: Architecture) -> dict[str, str]:
    """Return the layers that cannot be kept, and why, in words."""
    fresh = {}
    if after.channels != before.channels:
        counts = f"channels: {before.channels} → {after.channels}"
        fresh[FIRST] = f"the first layer was re-initialised ({counts})"
    if after.classes != before.classes:
        counts = f"classes: {before.classes} → {after.classes}"
        fresh[HEAD] = f"the head was re-initialised ({counts})"
    return fresh


def _about(network: UNet, classes: int, changes: str) -> dict[str, object]:
    about = copy.deepcopy(network.about)
    kept = about["classes"][:classes]
    about["classes"] = kept + [named_class(number) for number in range(len(kept), classes)]
    about["history"].append({"event": "adapted", "said": changes})
    return about
