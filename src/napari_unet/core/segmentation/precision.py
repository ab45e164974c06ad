"""Choose the quickest arithmetic with which the labels stay the same, otherwise plain float32.

It is half precision where the device is fast in it; on a CPU it is float32 by Winograd's
convolutions where these are faster still. Whether labels stay the same is measured: one tile from
the middle of the image is scored both ways before a large image is segmented.
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


def choose_precision(network: UNet, precision: str, sample: Callable[[], np.ndarray] | None) -> str:
    """Return the precision; ``sample`` reads the tile to compare, None if not worth it.

    A network in other than single precision stays in its own.
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
    if sample is None:
        return "float32"
    quick = _quickest(network)
    chosen = quick if _labels_agree(network, quick, sample) else "float32"
    _CHOSEN[network] = (state, chosen)
    return chosen


def _quickest(network: UNet) -> str:
    """Return the precision that is measured to be the fastest on this device."""
    fast = fast_dtype(network.head.weight.device)
    if fast == torch.bfloat16:  # rounds more: to be faster at all is enough
        ours = accelerated(network, in_half)
    else:
        ours = accelerated(network, _as_it_is, CLEARLY_FASTER)
    return str(fast).removeprefix("torch.") if ours is None else "winograd"


def _as_it_is(network: UNet) -> UNet:
    return network


def _labels_agree(network: UNet, precision: str, sample: Callable[[], np.ndarray]) -> bool:
    """Compare the labels of one tile in this precision and in float32."""
    if precision == "float32":
        return True
    tile = sample()
    exact, quick = (TileScorer(network, name)(tile)[0].argmax(0) for name in ("float32", precision))
    return float(np.mean(exact == quick)) >= AGREEMENT
