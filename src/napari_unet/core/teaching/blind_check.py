"""Two figures of the quality of a preview, which claim no more than they measure.

They are the share of each new stroke that was right before it was learned, and the share of windows
drawn at random that a person judged to be right.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from napari_unet.core.arrays.boxes import Box
from napari_unet.core.teaching.stroke_agreement import Agreement

ROLLING = 20  # strokes
NORMAL = 1.959964  # standard deviations that hold 95 %


class Share(NamedTuple):
    """A share with its 95 % interval, what it was counted on, and a sentence that says it."""

    share: float
    low: float
    high: float
    number: int
    said: str


@dataclass
class RightBeforeLearning:
    """How much of the last strokes was right before the network had learned them."""

    _shares: deque[float] = field(default_factory=lambda: deque(maxlen=ROLLING))

    def note(self, agreements: Iterable[Agreement]) -> None:
        """Take in strokes as the preview had them when they were painted."""
        self._shares.extend(agreement.share for agreement in agreements)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each of the last strokes, the newest last."""
        return tuple(self._shares)

    @property
    def share(self) -> float | None:
        """The mean over the last strokes; None before the first."""
        return float(np.mean(self._shares)) if self._shares else None

    @property
    def said(self) -> str:
        """One sentence."""
        if not self._shares:
            return "No stroke was painted on a preview yet."
        count = len(self._shares)
        what = "stroke" if count == 1 else f"{count} strokes"
        return (
            f"Of your last {what}, {self.share:.0%} was right before it was learned. "
            "Whoever paints on errors alone sees a lower figure than the whole image would give."
        )


@dataclass
class BlindCheck:
    """Windows drawn at random, each judged by a person: right, or corrected."""

    seed: int = 0
    _right: list[bool] = field(default_factory=list)
    _drawn: int = 0

    def draw(self, shape: tuple[int, ...], edge: int = 128) -> Box:
        """Draw a window of ``edge`` pixels anywhere in an image of ``shape``, each as likely."""
        rng = np.random.default_rng([self.seed, self._drawn])
        self._drawn += 1
        leading = (int(rng.integers(n)) for n in shape[:-2])
        corner = (int(rng.integers(max(n - edge, 0) + 1)) for n in shape[-2:])
        planes = tuple(slice(at, at + 1) for at in leading)
        inside = (slice(at, min(at + edge, n)) for at, n in zip(corner, shape[-2:], strict=True))
        return (*planes, *inside)

    def judge(self, right: bool) -> None:
        """Note that the window shown last was right as it was, or had to be corrected."""
        self._right.append(bool(right))

    @property
    def result(self) -> Share | None:
        """The share of windows that were right; None before the first was judged."""
        number, right = len(self._right), sum(self._right)
        if not number:
            return None
        low, high = wilson(right, number)
        sentence = (
            f"{right} of {number} windows drawn at random were right when you looked; with 95 % "
            f"confidence {low:.0%} to {high:.0%} of all windows are. Later learning is not in it."
        )
        return Share(right / number, low, high, number, sentence)


def wilson(right: int, number: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share: ``right`` out of ``number``."""
    if not 0 <= right <= number or number == 0:
        raise ValueError(f"{right} of {number} is no share: give at least one, right at most all")
    share, square = right / number, NORMAL**2
    middle = (share + square / (2 * number)) / (1 + square / number)
    spread = share * (1 - share) / number + square / (4 * number**2)
    half = NORMAL * math.sqrt(spread) / (1 + square / number)
    return max(middle - half, 0.0), min(middle + half, 1.0)
