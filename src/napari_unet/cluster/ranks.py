"""Ranks: processes that train one network together, started by torchrun, on one machine or many.

Each computes its own tiles; gradients are averaged, so that the weights stay the same everywhere
and are those one process would get from all the tiles together.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist


class TorchRanks:
    """The ranks that torchrun started, this one among them."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its average over all ranks; one message for all of them."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        _scatter(flat / self.size, tensors)

    def spread(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by that of rank 0."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.broadcast(flat, 0)
        _scatter(flat, tensors)


@contextmanager
def joined() -> Iterator[TorchRanks | None]:
    """Join the other ranks for the time within; None where torchrun started none."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield None
        return
    cuda = torch.cuda.is_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    try:
        yield TorchRanks()
    finally:
        dist.destroy_process_group()


def device_name(asked: str) -> str:
    """Return the device of this rank: one GPU each, where there are GPUs and none was named."""
    if "LOCAL_RANK" in os.environ and asked in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return asked


def _scatter(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
    """Copy ``flat`` back into the tensors it was put together from."""
    with torch.no_grad():
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))
