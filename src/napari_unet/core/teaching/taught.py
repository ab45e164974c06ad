"""Taught networks: from the shelf to the rest of the product, and back."""

import copy
from dataclasses import asdict
from typing import Any

from napari_unet.core.network import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.settings import TrainSettings
from napari_unet.core.teaching.published import Published, Shelf, State
from napari_unet.core.teaching.sizes import SIZES, settings_of


def network(
    shelf: Shelf, normalisation: Normalisation, factor: int, pixel_size: dict[str, float] | None
) -> UNet:
    """Return a copy of the network shown; its pixels are ``factor`` times those of the image."""
    shelf.screen()  # refuses where nothing is learnt yet
    state = shelf.last
    assert state is not None
    found = copy.deepcopy(state.network)
    found.load_state_dict(state.weights)
    about: dict[str, Any] = found.about
    about["normalisation"] = normalisation.to_dict()
    if pixel_size is not None:
        about["pixel_size"] = {axis: size * factor for axis, size in pixel_size.items()}
    about["settings"] = asdict(settings_of(state.shown.by, 0))
    about["history"].append({
        "event": "taught", "strokes": state.shown.strokes, "steps": state.shown.steps,
        "working_size": factor,
    })  # fmt: skip
    return found.eval()


def state(network: UNet, channels: int, seed: int) -> State:
    """Return the state that goes on from ``network``, or say why it cannot be taught."""
    if network.channels != channels:
        raise ValueError(
            f"the network takes {network.channels} channels and the image has {channels}: "
            "adapt the network, or start with a new one"
        )
    by = next((size for size in SIZES if _alike(network, settings_of(size, seed))), None)
    if by is None:
        raise ValueError(
            f"a network of base {network.base} and depth {network.depth} cannot be taught live: "
            f"take one of the sizes {', '.join(SIZES)}"
        )
    kept = copy.deepcopy(network)
    weights = {name: w.detach().clone() for name, w in kept.state_dict().items()}
    past = [item for item in network.about["history"] if item.get("event") == "taught"]
    strokes = int(past[-1]["strokes"]) if past else 0
    said = f"Goes on from what was learnt from {strokes} strokes."
    return State(Published(0, by, strokes, 0, 0.0, None, True, said), kept, weights)


def _alike(network: UNet, settings: TrainSettings) -> bool:
    same = (settings.base, settings.depth, settings.norm, settings.dims)
    return same == (network.base, network.depth, network.norm, network.dims)
