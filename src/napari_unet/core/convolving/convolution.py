"""WinogradConvolution: an unpadded 3x3 convolution and its ReLU, for scoring in float32 on CPUs."""

from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from napari_unet.core.convolving.block import SQUARES, Part, Room, convolve, room_bytes
from napari_unet.core.convolving.squares import MADE, VALUES, values_of_kernels
from napari_unet.core.convolving.vectors import COLUMNS, LANES

SHARES = 4  # parts of the work a thread, so that one that is held up does not hold up all
FEW = 16  # squares; below it the kernels' values are not used often enough to be read, 4 a weight


class WinogradConvolution(nn.Module):
    """Convolves with as many threads as torch has; a result does not depend on their number."""

    def __init__(self, kernels: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(kernels, False), nn.Parameter(bias, False)
        self._values = _values(kernels)

    @staticmethod
    def takes(kernels: torch.Tensor) -> bool:
        """Tell whether there are enough channels, in whole vectors, for it to be faster."""
        outputs, inputs, *edges = kernels.shape
        right = inputs % (2 * LANES) == 0 and outputs % COLUMNS == 0
        return edges == [3, 3] and right and kernels.dtype == torch.float32

    @property
    def kept_bytes(self) -> int:
        """Bytes of the values of the kernels: four times the weights."""
        return self._values.nbytes

    @property
    def room_bytes(self) -> int:
        """Bytes taken while it computes, besides pixels."""
        return torch.get_num_threads() * room_bytes(*reversed(self.weight.shape[:2]))

    def forward(self, x: torch.Tensor, copied: torch.Tensor | None = None) -> torch.Tensor:
        """Convolve (B, inputs, *n) to (B, outputs, *n - 2), channels last, nothing below 0.

        ``copied`` holds the last of the inputs, where these are not in one piece.
        """
        height, width = (n - 2 for n in x.shape[2:])
        if ceil(height / MADE) * ceil(width / MADE) < FEW:
            x = x if copied is None else torch.cat((x, copied), 1)
            return F.relu(F.conv2d(x, self.weight, self.bias), inplace=True)
        out = torch.empty((len(x), height, width, len(self.bias)))
        for image, made in enumerate(out.numpy()):
            rest = x[:, :0] if copied is None else copied
            self._convolve((_part(x[image]), _part(rest[image])), made)
        return out.permute(0, 3, 1, 2)

    def _convolve(self, parts: tuple[Part, Part], out: np.ndarray) -> None:
        """Share the blocks of one image among threads, each with a room of its own."""
        count = ceil(out.shape[0] / MADE) * ceil(out.shape[1] / MADE)
        threads = min(torch.get_num_threads(), ceil(count / SQUARES))
        share = ceil(count / SQUARES / threads / SHARES) * SQUARES
        starts = iter(range(0, count, share))  # each thread takes the next that is left
        bias = self.bias.numpy()

        def work() -> None:
            room = Room.of(*reversed(self.weight.shape[:2]))
            for first in starts:
                last = min(first + share, count)
                convolve(parts, self._values, bias, out, first, last, room)

        if threads == 1:
            work()
            return
        with ThreadPoolExecutor(threads - 1) as pool:
            helping = [pool.submit(work) for _ in range(threads - 1)]
            work()
        for one in helping:
            one.result()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out what is four times the weights and soon made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_values"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._values = _values(self.weight)


def _values(kernels: torch.Tensor) -> np.ndarray:
    """Return the values of kernels, (36, outputs / 16, inputs, 16) float32, as they are read."""
    outputs, inputs = kernels.shape[:2]
    taps = kernels.detach().numpy().reshape(outputs // COLUMNS, COLUMNS, inputs, 9)
    values = np.empty((VALUES, outputs // COLUMNS, inputs, COLUMNS), np.float32)
    for block, some in enumerate(taps):  # one after the other: in float64 all take much memory
        values[:, block] = values_of_kernels(some.transpose(2, 1, 0))
    return values


def _part(image: torch.Tensor) -> Part:
    """See (channels, *n), channels last or a window of such, as one row of memory."""
    channels, height, width = image.shape
    if not channels:
        return Part(np.zeros(0, np.float32), 0, 0)
    if image.stride(0) != 1 or image.stride(2) != channels:
        image = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    row = image.stride(1)
    pixels = image.as_strided(((height - 1) * row + width * channels,), (1,))
    return Part(pixels.numpy(), row, channels)
