"""DivergenceDetector: notices a loss that is not finite, rises sharply, or returns to chance.

Losses are measured against that of a network which gives every class the same score: that loss is
1, on every tile, whatever the weights of the pixels. Medians are compared, as single tiles differ
much.
"""

import math
from collections import deque
from statistics import median
from typing import Any

RECENT = 20  # losses whose median is compared
LOST = (0.8, 3.0)  # a median above the first, and times the lowest so far, has lost what it learned
DOUBTFUL = (0.6, 2.0)  # from here on weights are nothing to go back to
EXPLODED = 10.0  # a median of the last losses beyond any that learning starts from
LAST = 5


class DivergenceDetector:
    """Watches the losses of a training, one after the other."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lowest = math.inf

    def sees(self, loss: float, idle: float) -> str:
        """Take in a loss; return what is wrong in words, or nothing.

        ``idle`` is the loss the same batch has when every class gets the same score.
        """
        if not math.isfinite(loss):
            return "the loss is not a finite number"
        self._recent.append(loss / max(idle, 1e-30))
        last = list(self._recent)[-LAST:]
        if len(last) == LAST and median(last) > EXPLODED:
            return f"the loss is {median(last):.0f} times that of knowing nothing"
        if len(self._recent) == RECENT:
            self._lowest = min(self._lowest, median(self._recent))
        if self._beyond(*LOST):
            return f"the loss rose to {median(self._recent) / self._lowest:.1f} times its lowest"
        return ""

    def trusts(self) -> bool:
        """Tell whether the weights are worth going back to: not while the loss is rising."""
        return not self._beyond(*DOUBTFUL)

    def forget_recent(self) -> None:
        """Forget the recent losses after going back to earlier weights; the best level is kept."""
        self._recent.clear()

    def _beyond(self, level: float, factor: float) -> bool:
        if len(self._recent) < RECENT:
            return False
        return median(self._recent) > max(level, factor * self._lowest)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads; floats survive JSON exactly."""
        lowest = self._lowest if math.isfinite(self._lowest) else None
        return {"recent": list(self._recent), "lowest": lowest}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DivergenceDetector":
        """Return the detector that ``to_dict`` described."""
        guard = cls()
        guard._recent.extend(float(value) for value in values["recent"])
        guard._lowest = math.inf if values["lowest"] is None else float(values["lowest"])
        return guard
