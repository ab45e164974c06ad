"""Memory: what a step holds, how running out of it is told from other errors, and what then."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_unet.core.settings import TrainSettings
from napari_unet.core.sizes import border, input_size

WORDS = (  # lower case, as the allocators of torch, oneDNN and C++ say it
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "cannot allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` means that the memory of CPU, CUDA or MPS was used up."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in WORDS)


class Held:
    """Bytes that the forward pass keeps for the backward pass."""

    bytes = 0
    largest = 0  # of one tensor


@contextmanager
def counted() -> Iterator[Held]:
    """Count what autograd keeps within; a tensor kept twice counts once."""
    held, seen = Held(), set[int]()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            held.bytes += storage.nbytes()
            held.largest = max(held.largest, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield held


def smaller_tile(settings: TrainSettings) -> int:
    """Return the legal tile whose output is about half as many pixels; the smallest has none."""
    lost = 2 * border(settings.depth)
    inside = settings.tile - lost
    tile = input_size(settings.depth, max(int(inside * 0.5 ** (1 / settings.dims)), 1))
    if tile >= settings.tile:
        raise ValueError(
            f"a tile of {settings.tile} px, the smallest of a network of depth {settings.depth}, "
            "does not fit into memory: choose a smaller base or depth, or a preset such as small"
        )
    return tile
