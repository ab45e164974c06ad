"""Step: what a training reports after every step; frozen, so that it may cross threads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from napari_unet.core.training.divergence import DivergenceDetector


@dataclass(frozen=True)
class Step:
    """One step of a training.

    Where a validation takes longer than a moment, the last step comes again with ``validating``
    set, so that the caller can stop or show that the work goes on.
    """

    number: int  # steps done, this one included
    loss: float
    rate: float  # learning rate of this step
    seconds: float  # used so far, validation included; pauses of the caller are left out
    seconds_left: float
    validation: Mapping[str, Any] | None = None  # scores, when a validation followed this step
    best: float | None = None  # best validation score so far
    said: str = ""  # what happened that a person should know: a sentence
    validating: float | None = None  # share of a running validation that is done


class DivergenceError(ValueError):
    """The loss diverged again and again; the network holds the last good weights."""


@dataclass
class TrainingProgress:
    """Numbers of a training that goes on; written into every checkpoint."""

    tile: int  # edge of the input tile, smaller than asked for where memory ran out
    number: int = 0  # steps done
    seconds: float = 0.0
    validating: float = 0.0  # seconds of it spent on validation
    slowed: float = 1.0  # factor of the rate, halved by each rescue
    rescues: int = 0
    best: float = -math.inf  # best validation score
    stale: int = 0  # validations since the best one
    validated: int = 0  # step of the last validation
    guard: DivergenceDetector = field(default_factory=DivergenceDetector)
    curve: list[tuple[float, float, float, float]] = field(default_factory=list)  # see `note`
    validations: list[dict[str, Any]] = field(default_factory=list)

    def note(self, number: int, loss: float, rate: float) -> None:
        """Add a point to the curve: step, loss, rate, seconds."""
        self.curve.append((number, loss, rate, self.seconds))

    def copy(self) -> "TrainingProgress":
        """Return a copy that does not change while this one does."""
        guard = DivergenceDetector.from_dict(self.guard.to_dict())
        return replace(
            self, guard=guard, curve=list(self.curve), validations=list(self.validations)
        )

    def curve_tensor(self) -> torch.Tensor:
        """Return the curve as (points, 4) float64."""
        return torch.tensor(self.curve, dtype=torch.float64).reshape(-1, 4)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, the curve left out; floats survive JSON exactly."""
        kept = {key: value for key, value in vars(self).items() if key not in ("curve", "guard")}
        best = self.best if math.isfinite(self.best) else None
        return {**kept, "best": best, "guard": self.guard.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any], curve: torch.Tensor) -> "TrainingProgress":
        """Return the progress that ``to_dict`` and ``curve_tensor`` described."""
        best = -math.inf if values["best"] is None else float(values["best"])
        points = [tuple(row) for row in curve.tolist()]
        guard = DivergenceDetector.from_dict(values["guard"])
        return cls(**{**values, "best": best, "guard": guard, "curve": points})
