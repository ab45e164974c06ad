"""Scorer: a network made ready to score tiles, at the precision and with the averaging asked for.

It holds a copy of the weights, cast once: a training may go on changing the network meanwhile.
"""

import copy
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from napari_unet.core.network import CHANNELS_LAST, UNet
from napari_unet.core.segmenting.averaging import average_of, versions
from napari_unet.core.segmenting.half import in_half
from napari_unet.core.segmenting.winograd import in_winograd, suits


class Scorer:
    """Scores tiles (C, *input); to be called from one thread alone."""

    def __init__(self, network: UNet, precision: str, average: str = "none") -> None:
        """Take a ``precision`` of ``PRECISIONS``, or the name of the network's own dtype."""
        self.precision = precision
        single = precision == "winograd"  # another way to compute in float32
        self.dtype: torch.dtype = torch.float32 if single else getattr(torch, precision)
        self.device = network.head.weight.device
        self.versions = versions(average, network.dims)
        self.network = _ready(network, precision, self.dtype)
        self.input = torch.float32 if self.dtype == torch.bfloat16 else self.dtype

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the scores (K, *output) of a tile, and their spread (*output) over versions.

        The spread is the standard deviation of the score that varies most; None of one version.
        """
        with torch.inference_mode(), self._exact():
            tile = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(self.device, self.input)
            if len(self.versions) == 1:
                return self._numpy(self._softmax(tile)[0]), None
            mean, variance = average_of(tile, self.versions, self._softmax)
            spread = variance.amax(1).clamp_(min=0).sqrt_()
            return self._numpy(mean[0]), self._numpy(spread[0])

    def _exact(self) -> AbstractContextManager[None]:
        """Keep CUDA from rounding float32 to 10 bits: tiles would differ from the whole image."""
        if self.device.type != "cuda" or self.dtype == torch.bfloat16:
            return nullcontext()
        now = torch.backends.cudnn
        flags: AbstractContextManager[None] = now.flags(
            enabled=now.enabled,
            benchmark=now.benchmark,
            deterministic=now.deterministic,
            allow_tf32=False,
        )
        return flags

    def _softmax(self, tile: torch.Tensor) -> torch.Tensor:
        wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        tile = tile.contiguous(memory_format=CHANNELS_LAST[self.network.dims])
        return self.network(tile).to(wide).softmax(1)

    def _numpy(self, scores: torch.Tensor) -> np.ndarray:
        found = scores.contiguous().cpu().numpy()
        if not np.isfinite(found.sum()):
            raise ValueError(
                "the network gives scores that are no numbers: its training diverged or its "
                "weights are damaged; take an earlier state of it"
            )
        return found


def _ready(network: UNet, precision: str, dtype: torch.dtype) -> UNet:
    if dtype == torch.bfloat16:
        return in_half(network)
    if precision == "winograd" and suits(network):
        return in_winograd(network)
    return copy.deepcopy(network).to(dtype).eval().requires_grad_(False)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` says that memory was not enough, in the words of any device."""
    words = ("out of memory", "can't allocate memory", "not enough memory", "could not allocate")
    said = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(word in said for word in words)
    )
