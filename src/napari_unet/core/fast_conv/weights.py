"""The weights of a network in the order in which they are read, channels in groups of sixteen.

Missing channels of a group have weights and biases of 0: they give zeros, which change no sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from napari_unet.core.fast_conv.buffers import aligned, aligned_copy
from napari_unet.core.fast_conv.simd import COLUMNS
from napari_unet.core.fast_conv.winograd_transform import VALUES, values_of_kernels


class Kernels(NamedTuple):
    """A 3x3 convolution with a ReLU, as Winograd's."""

    values: np.ndarray  # (36, outputs / 16, inputs, 16) float32
    bias: np.ndarray  # (outputs,)


class Panels(NamedTuple):
    """Products of a pixel's inputs with matrices, one for each place a pixel gives rise to."""

    weights: np.ndarray  # (places, outputs / 16, inputs, 16) float32
    bias: np.ndarray  # (outputs,)
    rectified: bool


@dataclass(frozen=True)
class Layers:
    """The weights of a network as they are read; levels in the order in which they are passed."""

    entry: Panels
    contract: Sequence[tuple[Kernels | None, Kernels]]  # the first level has the entry instead
    bottom: tuple[Kernels, Kernels]
    rises: Sequence[Panels]
    expand: Sequence[tuple[Kernels, Kernels]]
    head: Panels
    classes: int
    skips: bool

    @property
    def kernels(self) -> Iterator[Kernels]:
        """All 3x3 convolutions between maps."""
        for pair in (*self.contract, self.bottom, *self.expand):
            yield from (one for one in pair if one is not None)

    @property
    def nbytes(self) -> int:
        """Bytes of what was made of the 3x3 kernels: four times these."""
        return sum(one.values.nbytes for one in self.kernels)


def in_sixteens(channels: int) -> int:
    """Return how many channels are computed where there are ``channels``."""
    return -(-channels // COLUMNS) * COLUMNS


def kernels_of(weight: np.ndarray, bias: np.ndarray, parts: Sequence[int]) -> Kernels:
    """Return a convolution (outputs, inputs, 3, 3); ``parts`` of the inputs are separate maps."""
    weight, bias = _filled(weight, bias, parts)
    outputs, inputs = weight.shape[:2]
    taps = weight.reshape(outputs // COLUMNS, COLUMNS, inputs, 9)
    values = aligned(VALUES * weight[:, :, 0, 0].size, torch.empty)
    values = values.reshape(VALUES, outputs // COLUMNS, inputs, COLUMNS)
    for block, some in enumerate(taps):  # one after the other: so many are in the cache
        for place, value in enumerate(values_of_kernels(some.transpose(2, 1, 0))):
            values[place, block] = value
    return Kernels(values, bias)


def panels_of_rise(weight: np.ndarray, bias: np.ndarray, rectified: bool) -> Panels:
    """Return an up-convolution (inputs, outputs, 2, 2); its places are 2x2, row by row."""
    weight, bias = _filled(weight.swapaxes(0, 1), bias, weight.shape[:1])
    outputs, inputs = weight.shape[:2]
    places = weight.reshape(outputs // COLUMNS, COLUMNS, inputs, 4).transpose(3, 0, 2, 1)
    return Panels(aligned_copy(places), bias, rectified)


def panels_of_entry(weight: np.ndarray, bias: np.ndarray) -> Panels:
    """Return the convolution (outputs, channels, 3, 3) of an image, which has few channels."""
    weight, bias = _filled(weight, bias)
    inputs = weight[0].size
    panel = weight.reshape(-1, COLUMNS, inputs).swapaxes(1, 2)
    return Panels(aligned_copy(panel[None]), bias, True)


def panels_of_head(weight: np.ndarray, bias: np.ndarray) -> Panels:
    """Return the last layer (classes, inputs, 1, 1)."""
    weight, bias = _filled(weight, bias, weight.shape[1:2])
    panel = weight.reshape(-1, COLUMNS, weight.shape[1]).swapaxes(1, 2)
    return Panels(aligned_copy(panel[None]), bias, False)


def _filled(
    weight: np.ndarray, bias: np.ndarray, parts: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Fill the outputs, and each part of the inputs, up to the next sixteen."""
    outputs, inputs = weight.shape[:2]
    missing = in_sixteens(outputs) - outputs
    parts = parts or ()
    if not missing and all(part == in_sixteens(part) for part in parts):
        return np.asarray(weight, np.float32), np.asarray(bias, np.float32)
    assert not parts or sum(parts) == inputs
    ends = np.cumsum(parts)
    for end, part in reversed(list(zip(ends, parts, strict=True))):
        zeros = np.zeros((outputs, in_sixteens(part) - part, *weight.shape[2:]), np.float32)
        weight = np.concatenate((weight[:, :end], zeros, weight[:, end:]), 1)
    weight = np.pad(weight, ((0, missing),) + ((0, 0),) * (weight.ndim - 1))
    return weight.astype(np.float32), np.pad(bias, (0, missing)).astype(np.float32)
