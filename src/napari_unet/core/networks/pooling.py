"""Pooling that also hands out the middle for the expanding path, and sums both gradients at once.

Left to autograd, the gradient of the copy is first written into zeros as large as the level and
then added to that of the pooling: three passes over the largest arrays of the network, a tenth of
a training step. Here it is added in place, where the copy was taken.
"""

from collections.abc import Sequence
from typing import Any

import torch

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
            found = torch.zeros_like(x)
        else:
            found = _POOL_BACKWARD[dims](of_pooled, x, *_window(dims), places)
        if of_middle is not None:
            _middle(found, ctx.size).add_(of_middle)
        return found, None


def _window(dims: int) -> tuple[Any, ...]:
    """Kernel, stride, padding, dilation and rounding of a pooling of pairs."""
    return [2] * dims, [2] * dims, [0] * dims, [1] * dims, False


def _middle(x: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Crop the spatial axes of ``x`` to ``size``, centred; legal sizes differ evenly."""
    for axis, n in enumerate(size, start=2):
        x = x.narrow(axis, (x.shape[axis] - n) // 2, n)
    return x
