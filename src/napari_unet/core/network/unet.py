"""UNet: the network of Ronneberger, Fischer and Brox (2015), unpadded, in two or three dimensions.

The image loses ``border`` pixels on each side on its way through: every score is computed from
real pixels only, so that tiles put side by side equal the whole image.
"""

import math
from dataclasses import asdict
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from napari_unet.core.network.layers import StandardisedConvolution, pool_and_copy
from napari_unet.core.network.legal_sizes import Architecture, border, input_size, output_size
from napari_unet.core.network.metadata import empty_about

if TYPE_CHECKING:
    from napari_unet.core.training.settings import TrainSettings

_CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
_UP_CONVOLUTION = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


class UNet(nn.Module):
    """The paper's network; ``channels, classes, base, depth, dims, dropout, norm, skips, release``.

    The defaults are the paper's: 31 030 658 parameters. ``norm="weight"`` standardises the 3x3
    kernels, ``skips=False`` leaves the copies out (to measure their effect),
    ``release=True`` has a ReLU after each up-convolution and 128 channels in the last one, as the
    weights the authors published. ``about``: what the network is for (``metadata.py``).
    """

    channels: int
    classes: int
    base: int
    depth: int
    dims: int
    dropout: float
    norm: str
    skips: bool
    release: bool

    @classmethod
    def of(cls, settings: "TrainSettings", channels: int = 1, classes: int = 2) -> "UNet":
        """Return the network that ``settings`` describe, with new weights."""
        names = ("base", "depth", "dims", "dropout", "norm", "skips")
        return cls(channels, classes, **{name: getattr(settings, name) for name in names})

    def __init__(self, *fields: Any, **named: Any) -> None:
        super().__init__()
        self.architecture = shape = Architecture(*fields, **named)
        for name, value in asdict(shape).items():
            setattr(self, name, value)
        self.about: dict[str, Any] = empty_about(self.classes)
        levels, widths = range(self.depth), shape.widths
        self.contract = nn.ModuleList(
            DoubleConvolution(shape, widths[level - 1] if level else self.channels, widths[level])
            for level in levels
        )
        self.bottom = DoubleConvolution(shape, widths[-2], widths[-1])
        self.up = nn.ModuleList(
            _UP_CONVOLUTION[self.dims](widths[level + 1], shape.up_width(level), 2, stride=2)
            for level in reversed(levels)
        )
        self.expand = nn.ModuleList(
            DoubleConvolution(shape, shape.joined_width(level), widths[level])
            for level in reversed(levels)
        )
        self.head = _CONVOLUTION[self.dims](self.base, self.classes, 1)
        self.apply(initialise)
        # features follow the layout of the weights they meet; torch's own types miss this argument
        self.to(memory_format=CHANNELS_LAST[self.dims])  # type: ignore[call-overload]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, classes, *output) before the softmax, of (B, channels, *input)."""
        sizes = self._copied_sizes(tuple(x.shape[1:]))
        copies = []
        for level, pair in enumerate(self.contract):
            x = pair(x)
            if level == self.depth - 1:
                x = self._drop(x)
            if self.skips:
                x, copied = pool_and_copy(x, sizes[level])
                copies.append(copied)
            else:
                x = _POOL[self.dims](x, 2)
        x = self._drop(self.bottom(x))
        for up, pair in zip(self.up, self.expand, strict=True):
            x = up(x)
            if self.release:
                x = F.relu(x, inplace=True)
            if self.skips:
                x = cast(DoubleConvolution, pair).join(x, copies.pop())
            x = pair(x)
        return cast(torch.Tensor, self.head(x))

    def score(self, tile: np.ndarray) -> np.ndarray:
        """Return the scores (classes, *output) of a tile (channels, *input), summing to 1.

        In the network's dtype (float32 for half precision, which NumPy lacks); dropout is off, and
        a network that was training goes on training afterwards.
        """
        tile = np.asarray(tile)
        self._check_shape(tile.shape)
        wrong = tile.size - np.count_nonzero(np.isfinite(tile))
        if wrong:
            raise ValueError(f"{wrong} values of the tile are NaN or infinite: fill them first")
        weight = self.head.weight
        wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
        kind = np.float64 if wide == torch.float64 else np.float32
        was_training = self.training
        if was_training:
            self.eval()
        try:
            with torch.inference_mode():
                x = torch.from_numpy(np.ascontiguousarray(tile, kind))[None]
                values = self(x.to(weight.device, weight.dtype))
                scores = values.to(wide).softmax(1)[0].cpu().numpy()
        finally:
            if was_training:
                self.train()
        return cast(np.ndarray, scores)

    @property
    def border(self) -> int:
        """Pixels lost on each side of every axis: 92 at depth 4."""
        return border(self.depth)

    def output_size(self, n: int) -> int:
        """Return how many pixels come out where ``n`` go in; an illegal ``n`` is refused."""
        return output_size(self.depth, n)

    def input_size(self, n: int) -> int:
        """Return the smallest legal input whose output has at least ``n`` pixels."""
        return input_size(self.depth, n)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if len(shape) != self.dims + 1:
            raise ValueError(
                f"a tile of shape {shape} has {len(shape)} axes: this network takes "
                f"{self.dims + 1}, channels first"
            )
        if shape[0] != self.channels:
            raise ValueError(
                f"the tile has {shape[0]} channels and the network takes {self.channels}: "
                "choose the channels it was trained with, or adapt the network"
            )
        for n in shape[1:]:
            output_size(self.depth, n)

    def _copied_sizes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return how much of each level is copied: as much as is up-sampled to it."""
        self._check_shape(shape)
        sizes, left = [], [output_size(self.depth, n) for n in shape[1:]]
        for _ in range(self.depth):
            sizes.append(tuple(n + 4 for n in left))  # two convolutions take 4 pixels
            left = [n // 2 for n in sizes[-1]]
        return sizes

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


UNet.__signature__ = signature(Architecture)  # type: ignore[attr-defined]


class DoubleConvolution(nn.Module):
    """Two unpadded 3x3 convolutions, a ReLU after each."""

    def __init__(self, shape: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _convolution(shape, inputs, outputs)
        self.second = _convolution(shape, outputs, outputs)

    def join(self, x: torch.Tensor, copied: torch.Tensor) -> torch.Tensor:
        """Return the input of this pair where part of it is copied from the contracting path."""
        return torch.cat((x, copied), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, outputs, *n - 4) of (B, inputs, *n)."""
        x = F.relu(self.first(x), inplace=True)
        return F.relu(self.second(x), inplace=True)


def initialise(layer: nn.Module) -> None:
    """Draw the weights of one layer as the paper does: N(0, √(2 / incoming nodes)), biases 0."""
    if isinstance(layer, (nn.Conv2d, nn.Conv3d, StandardisedConvolution)):
        incoming = layer.weight[0].numel()
    elif isinstance(layer, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
        incoming = layer.weight.shape[0]  # stride 2: each pixel is reached by one of the 2x2 taps
    else:
        return
    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / incoming))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _convolution(shape: Architecture, inputs: int, outputs: int) -> nn.Module:
    if shape.norm == "weight":
        return StandardisedConvolution(inputs, outputs, shape.dims)
    return _CONVOLUTION[shape.dims](inputs, outputs, 3)
