"""Layers that torch lacks: pooling with a copy for the expanding path, standardised kernels.

Autograd would first write the gradient of the copy into zeros as large as the level and then add it
to that of the pooling: three passes over the largest arrays of the network, a tenth of a training
step. Here it is added in place, where the copy was taken.

Weight standardisation makes a network without normalisation layers learn fast: each kernel is used
with its mean removed and its variance set, so that the scale of the features stays the same at
every depth. Unlike batch or group normalisation it looks at weights only: a score does not depend
on the tile around its pixel, and tiles equal the whole image.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_POOL = {
    2: torch.ops.aten.max_pool2d_with_indices, 3: torch.ops.aten.max_pool3d_with_indices,
}  # fmt: skip
_POOL_BACKWARD = {
    2: torch.ops.aten.max_pool2d_with_indices_backward,
    3: torch.ops.aten.max_pool3d_with_indices_backward,
}


def pool_and_copy(x: torch.Tensor, size: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the maxima of 2x2 (2x2x2) pixels, and a view of the middle of ``x`` (B, C, *n).

    ``size``: of the middle, along the spatial axes.
    """
    return _PoolAndCopy.apply(x, tuple(size))  # type: ignore[no-untyped-call]


class _PoolAndCopy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, size: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
        pooled, places = _POOL[len(size)](x, *_window(len(size)))
        ctx.save_for_backward(x, places)
        ctx.size = size
        ctx.set_materialize_grads(False)
        return pooled, _middle(x, size)

    @staticmethod
    def backward(
        ctx: Any, of_pooled: torch.Tensor | None, of_middle: torch.Tensor | None
    ) -> tuple[torch.Tensor, None]:
        x, places = ctx.saved_tensors
        dims = len(ctx.size)
        if of_pooled is None:
            gradient = torch.zeros_like(x)
        else:
            gradient = _POOL_BACKWARD[dims](of_pooled, x, *_window(dims), places)
        if of_middle is not None:
            _middle(gradient, ctx.size).add_(of_middle)
        return gradient, None


def _window(dims: int) -> tuple[Any, ...]:
    """Kernel, stride, padding, dilation and rounding of a pooling of pairs."""
    return [2] * dims, [2] * dims, [0] * dims, [1] * dims, False


def _middle(x: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Crop the spatial axes of ``x`` to ``size``, centred; legal sizes differ evenly."""
    for axis, n in enumerate(size, start=2):
        x = x.narrow(axis, (x.shape[axis] - n) // 2, n)
    return x


# the ReLU of a standard normal variable has variance (1 - 1/π)/2: this restores it to 1
GAIN = math.sqrt(2 / (1 - 1 / math.pi))
EPSILON = 1e-12  # keeps a constant kernel finite; He's variance is 2e-4 at 1024 channels
_CONVOLVE = {2: F.conv2d, 3: F.conv3d}


class StandardisedConvolution(nn.Module):
    """An unpadded 3x3 (or 3x3x3) convolution with standardised kernels and a learned gain.

    Where nothing learns (eval mode, gradients off) the kernels are standardised once and kept for
    the next tile. They are made anew when a weight is changed, moved or replaced in any way torch
    keeps count of; after writing through ``.data`` or a NumPy view, call ``eval()`` once more.
    """

    def __init__(self, inputs: int, outputs: int, dims: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *(3,) * dims))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = nn.Parameter(torch.ones(outputs))
        self._convolve = _CONVOLVE[dims]
        self._kept: tuple[tuple[Any, ...], torch.Tensor, list[torch.Tensor]] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve (B, inputs, *n) to (B, outputs, *n - 2)."""
        learns = self.training or torch.is_grad_enabled()
        return self._convolve(x, self.standardised() if learns else self._kernel(), self.bias)

    def standardised(self) -> torch.Tensor:
        """Return the kernels: zero mean, variance GAIN² / fan-in, times the learned gain."""
        last = self.weight.movedim(1, -1)  # as it lies in memory, so that flatten copies nothing
        rows = last.flatten(1)  # (outputs, fan-in)
        even = F.layer_norm(rows, rows.shape[1:], eps=EPSILON)  # many times faster than by hand
        scale = self.gain * (GAIN / math.sqrt(rows.shape[1]))
        return (even * scale[:, None]).view(last.shape).movedim(-1, 1)

    def train(self, mode: bool = True) -> "StandardisedConvolution":
        """Change between learning and scoring; the kept kernels are dropped either way."""
        self._kept = None
        return super().train(mode)

    def _kernel(self) -> torch.Tensor:
        if self.weight.is_inference() or self.gain.is_inference():  # torch keeps no count of these
            return self.standardised()
        state = tuple(
            (w._version, w.data_ptr(), w.dtype, w.device, w.stride())
            for w in (self.weight, self.gain)
        )
        if self._kept is None or self._kept[0] != state:
            # the weights are held too: their memory cannot be given to others of equal address
            self._kept = (state, self.standardised(), [self.weight.detach(), self.gain.detach()])
        return self._kept[1]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles start with nothing kept."""
        return {**self.__dict__, "_kept": None}
