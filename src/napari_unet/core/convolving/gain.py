"""Gain: whether Winograd's convolution is faster here than torch's own, which is measured."""

import math
import time
from functools import cache

import torch
import torch.nn.functional as F

from napari_unet.core.convolving.convolution import WinogradConvolution
from napari_unet.core.device import CLEARLY_FASTER

CHANNELS, EDGE = 64, 194  # of the convolution that is measured; 2304 squares, 24 blocks
ROUNDS = 4


@cache
def winograd_pays(beaten: torch.dtype = torch.float32) -> bool:
    """Tell whether it is clearly faster in float32 than torch's convolution in ``beaten``.

    Measured once per process, in two tenths of a second; the first time after an installation
    it is compiled, in some seconds.
    """
    try:
        return _gain(beaten) > CLEARLY_FASTER
    except RuntimeError:  # torch has no such convolution, or there is no compiler for this CPU
        return False


def _gain(beaten: torch.dtype) -> float:
    """Return how many times faster a typical layer is; the quickest of rounds in turn."""
    ours, theirs = math.inf, math.inf
    with torch.inference_mode():
        tile = torch.ones(1, CHANNELS, EDGE, EDGE).to(memory_format=torch.channels_last)
        kernels = torch.ones(CHANNELS, CHANNELS, 3, 3).to(memory_format=torch.channels_last)
        bias = torch.zeros(CHANNELS)
        layer = WinogradConvolution(kernels, bias)
        x, weight, added = tile.to(beaten), kernels.to(beaten), bias.to(beaten)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            F.relu(F.conv2d(x, weight, added), inplace=True)
            theirs = min(theirs, time.perf_counter() - start)
            layer(tile)  # meanwhile torch's threads give up waiting for more
            start = time.perf_counter()
            layer(tile)
            ours = min(ours, time.perf_counter() - start)
    return theirs / ours
