"""A network in single precision on a CPU whose 3x3 convolutions are Winograd's where they can be.

Scores are the same but for rounding: see ``core/convolving/squares.py``.
"""

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from napari_unet.core.convolving.convolution import WinogradConvolution
from napari_unet.core.network import Pair, UNet
from napari_unet.core.networks.standardisation import StandardisedConvolution

Halves = tuple[torch.Tensor, torch.Tensor]


class WinogradPair(nn.Module):
    """Two unpadded 3x3 convolutions with a ReLU after each; the joined map is never made."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.first, self.second = _quicker(pair.first), _quicker(pair.second)

    def join(self, x: torch.Tensor, copied: torch.Tensor) -> Halves:
        """Return both as they are: the first convolution reads one after the other."""
        return x, copied

    def forward(self, x: torch.Tensor | Halves) -> torch.Tensor:
        """Return (B, outputs, *n - 4) of (B, inputs, *n)."""
        halves = x if isinstance(x, tuple) else (x,)
        return cast(torch.Tensor, self.second(self.first(*halves)))


class Rectified(nn.Module):
    """A layer and its ReLU."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, copied: torch.Tensor | None = None) -> torch.Tensor:
        """Return what is above 0."""
        x = x if copied is None else torch.cat((x, copied), 1)
        return F.relu(self.layer(x), inplace=True)


def suits(network: UNet) -> bool:
    """Tell whether ``network`` has layers that could be faster."""
    cpu = network.head.weight.device.type == "cpu"
    return cpu and network.dims == 2 and network.base % 8 == 0


def in_winograd(network: UNet) -> UNet:
    """Return a copy for scoring only, with layers that are Winograd's where channels allow it."""
    made = copy.deepcopy(network).float().eval().requires_grad_(False)
    for pairs in (made.contract, made.expand):
        for place, pair in enumerate(pairs):
            pairs[place] = WinogradPair(cast(Pair, pair))
    made.bottom = cast(Pair, WinogradPair(made.bottom))
    return made


def kept_bytes(network: nn.Module) -> int:
    """Return the bytes that a network keeps besides its weights."""
    return sum(layer.kept_bytes for layer in _layers(network))


def room_bytes(network: nn.Module) -> int:
    """Return the bytes that a network takes while it computes, besides feature maps."""
    return max((layer.room_bytes for layer in _layers(network)), default=0)


def _layers(network: nn.Module) -> list[WinogradConvolution]:
    return [layer for layer in network.modules() if isinstance(layer, WinogradConvolution)]


def _quicker(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        made = layer.standardised() if isinstance(layer, StandardisedConvolution) else layer.weight
    kernels, bias = cast(torch.Tensor, made).detach(), cast(torch.Tensor, layer.bias).detach()
    if WinogradConvolution.takes(kernels):
        return WinogradConvolution(kernels, bias)
    return Rectified(layer)
