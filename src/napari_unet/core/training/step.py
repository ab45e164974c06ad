"""Step: what a training tells after every step. Frozen, so that it may cross threads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
