"""Gain: whether a network is faster here by Winograd's convolutions than by torch's; measured."""

import math
import time
from collections.abc import Callable
from functools import cache

import torch

from napari_unet.core.device import CLEARLY_FASTER
from napari_unet.core.network import UNet
from napari_unet.core.segmenting.half import in_half
from napari_unet.core.segmenting.winograd import in_winograd

BASE, EDGE = 32, 188  # of the network that is measured, with one pooling, and its tile
ROUNDS = 3


@cache
def winograd_pays(beaten: torch.dtype = torch.float32) -> bool:
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
