"""The entry to ``fast_conv``: a network with Winograd's 3x3 convolutions, for scoring on a CPU.

Scores are the same as torch's but for rounding: see ``winograd_transform.py``. Why it exists, and
how it is switched off: see ``README.md``. Other folders import ``accelerated`` alone.
"""

import copy
import math
import os
import time
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import numpy as np
import torch
from torch import nn

from napari_unet.core.fast_conv import forward as passage
from napari_unet.core.fast_conv.buffers import SPARE
from napari_unet.core.fast_conv.forward import ForwardPass
from napari_unet.core.fast_conv.pointwise import FEWEST
from napari_unet.core.fast_conv.weights import (
    Kernels,
    Layers,
    in_sixteens,
    kernels_of,
    panels_of_entry,
    panels_of_head,
    panels_of_rise,
)
from napari_unet.core.network.layers import StandardisedConvolution
from napari_unet.core.network.unet import DoubleConvolution, UNet

SWITCH = "NAPARI_UNET_FAST_CONV"  # environment variable; 0: torch computes everything
FILLED = 1.5  # where more than so many channels would be computed for one, it is not worth it
BASE, EDGE, SMALL = 32, 188, 60  # of the network that is timed, its tile, and that before the clock
ROUNDS = 3  # at most
SURE = 1.5  # so many times more, or less, than is asked for: one round is enough

Rival = Callable[[UNet], UNet]


def accelerated(
    network: UNet, rival: Rival | None = None, times: float = 1.0
) -> "WinogradNetwork | None":
    """Return a copy of ``network`` that scores in float32, or None where torch has to.

    None: the switch is off, no layer could be faster (a GPU, three dimensions, few channels), or
    what ``rival`` makes of a network is not beaten by more than ``times``; this is measured once a
    process, in a fraction of a second. After an installation the first network is compiled, in a
    dozen seconds. The copy is used from one thread at a time; ``network`` may change meanwhile.
    """
    if os.environ.get(SWITCH) == "0" or not _suits(network):
        return None
    if rival is not None and not _is_faster(rival, times):
        return None
    own = copy.copy(_last.of(network) or _last.keep(network, _made(network)))
    own.passage = ForwardPass(own.passage.layers, torch.get_num_threads())  # its arrays are its own
    return own


class WinogradNetwork(UNet):
    """For scoring, from one thread at a time; tiles with rows too short for it are torch's."""

    passage: ForwardPass

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, classes, *output) before the softmax, of (B, channels, *input)."""
        sizes = self._copied_sizes(tuple(x.shape[1:]))
        if sizes[-1][-1] < 2 * FEWEST:  # pixels in a row of the bottom, up-convolved
            return super().forward(x)
        self.passage.threads = torch.get_num_threads()
        scored = [self.passage(image.numpy(), sizes) for image in x.contiguous()]
        scores = np.stack(scored) if len(scored) > 1 else scored[0][None]  # one need not be copied
        return torch.from_numpy(scores).permute(0, 3, 1, 2)

    @property
    def maps(self) -> float:
        """How many feature maps of full size, at the network's base, it keeps at once at most."""
        return passage.MAPS * in_sixteens(self.base) / self.base

    @property
    def extra_bytes(self) -> int:
        """The bytes that it keeps and computes in, besides its weights and feature maps."""
        layers = self.passage.layers
        return layers.nbytes + passage.room_bytes(layers, torch.get_num_threads())

    def image_done(self) -> None:
        """Let the system take the memory that is kept for the next tile."""
        SPARE.lend()


def _suits(network: UNet) -> bool:
    """Tell whether ``network`` has layers that could be faster."""
    cpu = network.head.weight.device.type == "cpu"
    filled = in_sixteens(network.base) <= FILLED * network.base
    return cpu and network.dims == 2 and filled


@cache
def _is_faster(rival: Rival, times: float) -> bool:
    """Tell whether a small network is more than ``times`` faster than what ``rival`` makes of it.

    The quickest of some rounds in turn counts, unless the first leaves no doubt.
    """
    ours, theirs = math.inf, math.inf
    with torch.inference_mode(), torch.random.fork_rng([]):
        network = UNet(base=BASE, depth=1).eval()
        tile = torch.ones(1, 1, EDGE, EDGE)
        try:
            quick, other = _made(network), rival(network)
            other(tile[..., :SMALL, :SMALL])  # kernels are chosen at the first call
            for _ in range(ROUNDS):
                theirs = min(theirs, _seconds(other, tile))
                quick(tile)  # meanwhile torch's threads give up waiting for more
                ours = min(ours, _seconds(quick, tile))
                if not times / SURE < theirs / ours < times * SURE:
                    break
        except RuntimeError:  # torch has no such convolution, or there is no compiler for this CPU
            return False
    return theirs / ours > times


def _seconds(network: Callable[[torch.Tensor], torch.Tensor], tile: torch.Tensor) -> float:
    start = time.perf_counter()
    network(tile)
    return time.perf_counter() - start


def _made(network: UNet) -> WinogradNetwork:
    single = copy.deepcopy(network).float().eval().requires_grad_(False)
    single.__class__ = WinogradNetwork  # no weight is drawn to be thrown away
    made = cast(WinogradNetwork, single)
    made.passage = ForwardPass(_layers(made), torch.get_num_threads())
    return made


class _Last:
    """The network made last, for as long as that of which it was made lives unchanged.

    What is made of the weights is kept for the next image: making it takes as long as scoring a
    small one.
    """

    def __init__(self) -> None:
        self._kept: tuple[weakref.ref[UNet], WinogradNetwork] | None = None

    def of(self, network: UNet) -> WinogradNetwork | None:
        kept = self._kept
        if kept is None or kept[0]() is not network:
            return None
        pairs = zip(network.parameters(), kept[1].parameters(), strict=True)
        same = all(one.dtype == two.dtype and torch.equal(one, two) for one, two in pairs)
        return kept[1] if same else None

    def keep(self, network: UNet, made: WinogradNetwork) -> WinogradNetwork:
        self._kept = weakref.ref(network, self._forget), made
        return made

    def _forget(self, gone: "weakref.ref[UNet]") -> None:
        if self._kept is not None and self._kept[0] is gone:
            self._kept = None


_last = _Last()


def _layers(network: UNet) -> Layers:
    shape, widths = network.architecture, network.architecture.widths
    contract = [cast(DoubleConvolution, pair) for pair in network.contract]
    expand = [cast(DoubleConvolution, pair) for pair in network.expand]
    entry = panels_of_entry(*_weights(contract[0].first))
    firsts = [None, *(_kernels(pair.first) for pair in contract[1:])]
    joined = [
        (shape.up_width(level), *(widths[level : level + 1] if shape.skips else ()))
        for level in reversed(range(shape.depth))
    ]
    return Layers(
        entry=entry,
        contract=[
            (first, _kernels(pair.second)) for first, pair in zip(firsts, contract, strict=True)
        ],
        bottom=(_kernels(network.bottom.first), _kernels(network.bottom.second)),
        rises=[panels_of_rise(*_weights(up), rectified=shape.release) for up in network.up],
        expand=[
            (_kernels(pair.first, parts), _kernels(pair.second))
            for pair, parts in zip(expand, joined, strict=True)
        ],
        head=panels_of_head(*_weights(network.head)),
        classes=shape.classes,
        skips=shape.skips,
    )


def _kernels(layer: nn.Module, parts: Sequence[int] = ()) -> Kernels:
    weight, bias = _weights(layer)
    return kernels_of(weight, bias, parts or weight.shape[1:2])


def _weights(layer: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    made = layer.standardised() if isinstance(layer, StandardisedConvolution) else layer.weight
    weight, bias = cast(torch.Tensor, made), cast(torch.Tensor, layer.bias)
    return weight.detach().numpy(), bias.detach().numpy()
