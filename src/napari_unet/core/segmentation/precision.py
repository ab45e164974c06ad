"""Choose the quickest arithmetic with which the labels stay the same, otherwise plain float32.

On a CPU it is float32 by Winograd's convolutions where these are measured to be the fastest, from
the first tile on: labels stay the same as in any float32. Otherwise it is half precision where the
device is fast in it, for large images: one tile from the middle is scored both ways before.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from napari_unet.core.fast_conv.network import accelerated
from napari_unet.core.network.unet import UNet
from napari_unet.core.runtime.device import CLEARLY_FASTER, fast_dtype
from napari_unet.core.segmentation.scorer import TileScorer, in_half

PRECISIONS = ("auto", "float32", "winograd", "bfloat16", "float64")
AGREEMENT = 0.999  # share of pixels whose label must not depend on the precision

_CHOSEN: "WeakKeyDictionary[UNet, tuple[Any, str]]" = WeakKeyDictionary()


def choose_precision(
    network: UNet, precision: str, sample: Callable[[], np.ndarray] | None, measure: bool = True
) -> str:
    """Return the precision; ``sample`` reads the tile to compare, None if not worth it.

    Without ``measure``, where an image is so small that the measurement, once a process, takes
    longer than it, the network stays in float32; one in another precision stays in its own.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}': choose one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    if network.head.weight.dtype != torch.float32:
        return str(network.head.weight.dtype).removeprefix("torch.")
    state = [(w.data_ptr(), w._version) for w in network.parameters()]
    kept = _CHOSEN.get(network)
    if kept is not None and kept[0] == state:
        return kept[1]
    if not measure:
        return "float32"
    quick = _quickest(network)
    if quick == "winograd" or sample is None:
        return quick if quick == "winograd" else "float32"
    chosen = quick if _labels_agree(network, quick, sample) else "float32"
    _CHOSEN[network] = (state, chosen)
    return chosen


def _quickest(network: UNet) -> str:
    """Return the precision that is measured to be the fastest on this device."""
    fast = fast_dtype(network.head.weight.device)
    if faster_copy(network, fast) is not None:
        return "winograd"
    return str(fast).removeprefix("torch.")


def faster_copy(network: UNet, beaten: torch.dtype = torch.float32) -> UNet | None:
    """Return a copy that scores in float32 faster than torch does in ``beaten``, or None.

    It has to be clearly faster than torch in float32. Half precision rounds more: there it is
    enough to be faster at all.
    """
    if network.head.weight.dtype != torch.float32:
        return None
    if beaten == torch.bfloat16:
        return accelerated(network, in_half)
    return accelerated(network, _as_it_is, CLEARLY_FASTER)


def _as_it_is(network: UNet) -> UNet:
    return network


def _labels_agree(network: UNet, precision: str, sample: Callable[[], np.ndarray]) -> bool:
    """Compare the labels of one tile in this precision and in float32."""
    if precision == "float32":
        return True
    tile = sample()
    exact, quick = (TileScorer(network, name)(tile)[0].argmax(0) for name in ("float32", precision))
    return float(np.mean(exact == quick)) >= AGREEMENT
