"""A network in single precision on a CPU whose 3x3 convolutions are Winograd's, a strip at a time.

Scores are the same but for rounding: see ``winograd_transform.py``.
"""

import copy
import weakref
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from napari_unet.core.fast_conv import forward as passage
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

FILLED = 1.5  # where more than so many channels would be computed for one, it is not worth it


class WinogradNetwork(UNet):
    """For scoring, from one thread at a time; tiles with rows too short for it are torch's."""

    passage: ForwardPass

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, classes, *output) before the softmax, of (B, channels, *input)."""
        sizes = self._copied_sizes(tuple(x.shape[1:]))
        if sizes[-1][-1] < 2 * FEWEST:  # pixels in a row of the bottom, up-convolved
            return super().forward(x)
        self.passage.threads = torch.get_num_threads()
        found = [self.passage(image.numpy(), sizes) for image in x.contiguous()]
        scores = np.stack(found) if len(found) > 1 else found[0][None]  # one need not be copied
        return torch.from_numpy(scores).permute(0, 3, 1, 2)


def suits(network: UNet) -> bool:
    """Tell whether ``network`` has layers that could be faster."""
    cpu = network.head.weight.device.type == "cpu"
    filled = in_sixteens(network.base) <= FILLED * network.base
    return cpu and network.dims == 2 and filled


def in_winograd(network: UNet) -> WinogradNetwork:
    """Return a copy for scoring only, in float32, that computes by Winograd's convolutions.

    What was made of the weights is kept for the next image, of the last network only and while it
    lives: making it takes as long as scoring a small image.
    """
    own = copy.copy(_last.of(network) or _last.keep(network, _made(network)))
    own.passage = ForwardPass(
        own.passage.layers, torch.get_num_threads()
    )  # arrays are of one thread
    return own


def _made(network: UNet) -> WinogradNetwork:
    single = copy.deepcopy(network).float().eval().requires_grad_(False)
    single.__class__ = WinogradNetwork  # no weight is drawn to be thrown away
    made = cast(WinogradNetwork, single)
    made.passage = ForwardPass(_layers(made), 1)
    return made


class _Last:
    """The network made last, for as long as that of which it was made lives unchanged."""

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


def kept_bytes(network: nn.Module) -> int:
    """Return the bytes that a network keeps besides its weights."""
    return network.passage.layers.nbytes if isinstance(network, WinogradNetwork) else 0


def room_bytes(network: nn.Module) -> int:
    """Return the bytes in which a network computes, besides feature maps."""
    if not isinstance(network, WinogradNetwork):
        return 0
    return passage.room_bytes(network.passage.layers, torch.get_num_threads())


def maps(network: nn.Module) -> float | None:
    """Return how many feature maps of full size it takes; None where that has to be measured."""
    if not isinstance(network, WinogradNetwork):
        return None
    return passage.MAPS * in_sixteens(network.base) / network.base


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
