"""Workspace: arrays that are taken again for every tile, so that the system need not clear them."""

from math import prod

import numpy as np
import torch

from napari_unet.core.convolving.aligned import Made, aligned


class Workspace:
    """Arrays by name, as large as the largest that was asked for under it."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def take(self, name: str, shape: tuple[int, ...], made: Made = torch.empty) -> np.ndarray:
        """Return an array (float32) with whatever was in it; the last one of that name is lost.

        What is read before all of it is written has to be ``made`` by ``torch.zeros``, whether what
        comes of it is used or not: with what others left there, a network took twice as long.
        """
        size = prod(shape)
        kept = self.arrays.get(name)
        if kept is None or kept.size < size:
            self.arrays.pop(name, None)
            kept = self.arrays[name] = aligned(size, made)
        return kept[:size].reshape(shape)
