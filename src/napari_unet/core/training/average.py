"""Average: the weights averaged over the last steps, which are shown and saved.

Weights taken after one step follow the last tile; their average does not, and scores better.
"""

from collections.abc import Iterable

import torch


class Average:
    """An exponential moving average of ``parameters``; ``memory`` is what a step leaves of it."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], memory: float) -> None:
        self._parameters: list[torch.Tensor] = list(parameters)
        self._memory = memory
        self.tensors = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Take in the weights after step ``number``; the first ones are forgotten quickly."""
        memory = min(self._memory, (1 + number) / (10 + number))
        # all at once: on a GPU one kernel, not one for each of fifty parameters
        torch._foreach_lerp_(self.tensors, self._parameters, 1 - memory)

    def exchange(self) -> None:
        """Put the averaged weights into the network and keep those it had; or the other way."""
        for place, parameter in enumerate(self._parameters):
            parameter.data, self.tensors[place] = self.tensors[place], parameter.data
