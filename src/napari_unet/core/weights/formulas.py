"""The formulas of the weight map: what a class weighs, and what nearness to objects adds.

Both take the squared distances to the nearest and the second nearest object. A bell that has
fallen to 4e-5 of its height, at 4.5 standard deviations, counts as 0: so a change of the labels
matters only within a known reach.
"""

from dataclasses import dataclass, fields

import numpy as np

from napari_unet.core.annotation.label_codes import UNLABELLED
from napari_unet.core.runtime.jit import jit
from napari_unet.core.weights.nearest_objects import NearestTwo

CUT = 4.5  # standard deviations
WIDEST = 1000.0  # px, the largest standard deviation taken
_STEPS = 4096
# A table instead of exp: a vectorised exp may round a pixel differently with its place in the
# array, and a weight must not depend on which box it was computed in. Its error is below 2e-7.
_BELL = np.exp(-0.5 * np.linspace(0.0, CUT, _STEPS + 1) ** 2)


@dataclass(frozen=True)
class Paper:
    """w = w_c + w0 · exp(-(d1 + d2)² / 2σ²), the second term on background only."""

    w0: float = 10.0  # weight of the separation where two objects all but touch
    sigma: float = 5.0  # px
    balance: bool = True  # w_c ∝ 1 / frequency, 1 on the mean of the labelled pixels

    def __post_init__(self) -> None:
        _check(self)

    @property
    def reach(self) -> NearestTwo:
        """How far the distances matter."""
        both = CUT * self.sigma if self.w0 else 0.0
        return NearestTwo(both / 2, both)

    def class_weights(self, counts: np.ndarray) -> np.ndarray:
        """Return the weight of each class, float32 (256,), for ``counts`` pixels of each."""
        weights = np.ones(UNLABELLED + 1)
        if self.balance:
            labelled = counts[:UNLABELLED]
            present = labelled > 0
            weights[:UNLABELLED][present] = labelled.sum() / (present.sum() * labelled[present])
        weights[UNLABELLED] = 0
        return weights.astype(np.float32)

    def nearness(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the separation, float32, for background at these squared distances."""
        return _bell(first, second, self.sigma, self.w0)


@dataclass(frozen=True)
class Falk:
    """1 on objects; v + (1 - v) · exp(-d1² / 2σ1²) + factor · exp(-(d1 + d2)² / 2σ2²) between."""

    v: float = 0.1  # weight of background far from all objects
    sigma1: float = 10.0  # px, around one object
    factor: float = 50.0  # weight of the separation where two objects all but touch
    sigma2: float = 6.0  # px, between two objects

    def __post_init__(self) -> None:
        _check(self)
        if not 0 < self.v <= 1:
            raise ValueError(
                f"v is {self.v}: the weight of far background must lie above 0, "
                "or it is not learned, and be 1 at most"
            )

    @property
    def reach(self) -> NearestTwo:
        """How far the distances matter."""
        return NearestTwo(CUT * self.sigma1, CUT * self.sigma2 if self.factor else 0.0)

    def class_weights(self, counts: np.ndarray) -> np.ndarray:
        """Return the weight of each class, float32 (256,); their ``counts`` do not matter."""
        weights = np.ones(len(counts), np.float32)
        weights[0], weights[UNLABELLED] = self.v, 0
        return weights

    def nearness(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return what objects add to v, float32, for background at these squared distances."""
        one = _bell(first, np.zeros_like(first), self.sigma1, 1 - self.v)
        return one + _bell(first, second, self.sigma2, self.factor)


def _check(formula: Paper | Falk) -> None:
    for item in fields(formula):
        value = getattr(formula, item.name)
        if item.type is bool:
            if not isinstance(value, (bool, np.bool)):
                raise TypeError(f"{item.name} must be True or False, not {value!r}")
            continue
        if not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{item.name} must be a number, not {value!r}")
        if item.name.startswith("sigma") and not 0 < value <= WIDEST:
            raise ValueError(f"{item.name} is {value}: it must lie above 0 and up to {WIDEST:g} px")
        if not 0 <= value < np.inf:
            raise ValueError(f"{item.name} is {value}: a weight is 0 or more, and finite")


def _bell(first: np.ndarray, second: np.ndarray, sigma: float, height: float) -> np.ndarray:
    """Return height · exp(-(√first + √second)² / 2 sigma²), float32, 0 beyond the cut."""
    heights = np.empty(first.shape, np.float32)
    scale = _STEPS / (CUT * sigma)
    squares = np.ascontiguousarray(first).ravel(), np.ascontiguousarray(second).ravel()
    _look_up(*squares, scale, np.float32(height), _BELL, heights.ravel())
    return heights


@jit
def _look_up(
    first: np.ndarray,
    second: np.ndarray,
    scale: float,
    height: np.float32,
    bell: np.ndarray,
    out: np.ndarray,
) -> None:
    """Read ``bell`` at the sum of two roots, on straight lines between its entries."""
    last = bell.size - 1
    beyond = (last / scale) ** 2  # most pixels lie there, and need no root
    for i in range(first.size):
        out[i] = 0
        if second[i] < beyond:
            roots = np.sqrt(np.float32(first[i])) + np.sqrt(np.float32(second[i]))
            at = roots * scale
            step = int(at)
            if step < last:
                slope = bell[step + 1] - bell[step]
                out[i] = height * np.float32(bell[step] + (at - step) * slope)
