"""Precision: the quickest arithmetic with which the labels stay the same, else plain float32.

Half precision where the device is fast in it; on a CPU, float32 by Winograd's convolutions where
these are faster still. Whether labels stay the same is looked at, not assumed: one tile from the
middle of the image is scored both ways before a large image is segmented.

Gain: whether a network is faster here by Winograd's convolutions than by torch's; measured.
"""

import math
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from napari_unet.core.fast_conv.network import in_winograd, suits
from napari_unet.core.network.unet import UNet
from napari_unet.core.runtime.device import CLEARLY_FASTER, fast_dtype
from napari_unet.core.segmentation.scorer import TileScorer, in_half

BASE, EDGE = 32, 188  # of the network that is measured, with one pooling, and its tile
ROUNDS = 3


@cache
def is_faster(beaten: torch.dtype = torch.float32) -> bool:
    """Tell whether it is faster in float32 than torch's convolutions in ``beaten``.

    Clearly faster than those in float32, which round less; than half precision, faster at all.
    Measured once per process, in two thirds of a second; the first time after an installation it is
    compiled, in a dozen seconds.
    """
    try:
        return _gain(beaten) > (CLEARLY_FASTER if beaten == torch.float32 else 1.0)
    except RuntimeError:  # torch has no such convolution, or there is no compiler for this CPU
        return False


def _gain(beaten: torch.dtype) -> float:
    """Return how many times faster a small network is; the quickest of rounds in turn."""
    ours, theirs = math.inf, math.inf
    with torch.inference_mode(), torch.random.fork_rng([]):
        network = UNet(base=BASE, depth=1).eval()
        tile = torch.ones(1, 1, EDGE, EDGE)
        torchs = in_half(network) if beaten == torch.bfloat16 else network
        quick = in_winograd(network)
        for _ in range(ROUNDS):
            theirs = min(theirs, _seconds(torchs, tile))
            quick(tile)  # meanwhile torch's threads give up waiting for more
            ours = min(ours, _seconds(quick, tile))
    return theirs / ours


def _seconds(network: Callable[[torch.Tensor], torch.Tensor], tile: torch.Tensor) -> float:
    start = time.perf_counter()
    network(tile)
    return time.perf_counter() - start


PRECISIONS = ("auto", "float32", "winograd", "bfloat16", "float64")
AGREEMENT = 0.999  # share of pixels whose label must not depend on the precision

_CHOSEN: "WeakKeyDictionary[UNet, tuple[Any, str]]" = WeakKeyDictionary()


def choose_precision(network: UNet, precision: str, sample: Callable[[], np.ndarray] | None) -> str:
    """Return what to score in; ``sample`` reads the tile to compare, None if not worth it.

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
    if suits(network) and is_faster(fast):
        return "winograd"
    return str(fast).removeprefix("torch.")


def _labels_agree(network: UNet, precision: str, sample: Callable[[], np.ndarray]) -> bool:
    """Compare the labels of one tile in this precision and in float32."""
    if precision == "float32":
        return True
    tile = sample()
    exact, quick = (TileScorer(network, name)(tile)[0].argmax(0) for name in ("float32", precision))
    return float(np.mean(exact == quick)) >= AGREEMENT
