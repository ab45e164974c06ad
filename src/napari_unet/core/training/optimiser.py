"""Optimiser: SGD with momentum, or Adam, by torch's own kernels on tensors kept here by name.

``torch.optim.SGD`` and ``Adam`` load torch's compiler when they are made, which takes a second: as
long as a first useful result of live teaching.
"""

from collections.abc import Mapping

import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from napari_unet.core.training.settings import TrainSettings

FUSED = ("cpu", "cuda")  # devices on which one kernel updates all weights
SQUARES = 0.999  # memory of Adam's squared gradients
EPSILON = 1e-8


class Optimiser:
    """Updates ``parameters`` from their gradients; ``momentum`` in the settings is Adam's β₁ too.

    The fused kernels walk through memory without looking at strides: what is kept for a weight
    lies in memory as the weight does, always.
    """

    def __init__(
        self, parameters: Mapping[str, torch.nn.Parameter], settings: TrainSettings
    ) -> None:
        self._parameters = dict(parameters)
        self._momentum = settings.momentum
        self._means = [torch.zeros_like(p) for p in self._parameters.values()]
        self._squares: list[torch.Tensor] = []
        self._steps: list[torch.Tensor] = []
        if settings.optimiser == "adam":
            self._squares = [torch.zeros_like(p) for p in self._parameters.values()]
            self._steps = [torch.zeros((), device=p.device) for p in self._parameters.values()]
        self._fused = all(p.device.type in FUSED for p in self._parameters.values())

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update all weights and free their gradients."""
        weights: list[torch.Tensor] = list(self._parameters.values())
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self._squares:
            self._adam(weights, gradients, rate)
        else:
            sgd(
                weights, gradients, [*self._means],
                lr=rate, momentum=self._momentum, dampening=0.0, weight_decay=0.0, nesterov=False,
                maximize=False, foreach=False, fused=self._fused,
            )  # fmt: skip
        self.forget_gradients()

    def forget_gradients(self) -> None:
        """Free the gradients and their memory."""
        for weight in self._parameters.values():
            weight.grad = None

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what is kept from step to step, by name; the tensors in use, not copies."""
        named = dict(zip((f"mean.{name}" for name in self._parameters), self._means, strict=True))
        if self._squares:
            names = (f"square.{name}" for name in self._parameters)
            named |= dict(zip(names, self._squares, strict=True))
            named["steps"] = self._steps[0]
        return named

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take back what ``tensors`` gave."""
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                tensor.copy_(tensors[name])
            for steps in self._steps:
                steps.copy_(tensors["steps"])
        self.forget_gradients()

    def _adam(
        self, weights: list[torch.Tensor], gradients: list[torch.Tensor], rate: float
    ) -> None:
        adam(
            weights, gradients, self._means, self._squares, [], self._steps,
            lr=rate, beta1=self._momentum, beta2=SQUARES, eps=EPSILON, weight_decay=0.0,
            amsgrad=False, maximize=False, foreach=False, fused=self._fused,
        )  # fmt: skip
