"""Gate: a preview is replaced only by one that obeys the strokes as well, old ones and new.

Agreement may drop by one point at most, counted from the best that was shown for these strokes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from napari_unet.core.teaching.exam import Mark, balanced
from napari_unet.core.teaching.strokes import Stroke

DROP = 0.01  # of balanced agreement
OBEYED = 0.85  # share of a new stroke from which on it counts as learnt


class Verdict(NamedTuple):
    """Whether to publish, and what there is to say."""

    publish: bool
    said: str
    agreement: float
    newest: float | None


@dataclass
class Gate:
    """Judges candidates against what is shown; ``best`` is reset when strokes change."""

    best: float = 0.0

    def reset(self) -> None:
        """Forget the best agreement: it was found on other strokes."""
        self.best = 0.0

    def judge(
        self,
        shown: Mapping[Stroke, Mark] | None,
        candidate: Mapping[Stroke, Mark],
        fresh: Collection[Stroke],
        spotted: bool = False,
    ) -> Verdict:
        """Compare the marks of a candidate with those of what is shown, None before the first.

        What is shown better only by the spots around new strokes, ``spotted``, is no yardstick.
        ``fresh`` are the strokes not learnt yet; what obeys them no better is not shown either.
        """
        agreement = balanced(candidate)
        newest = share_of(candidate, fresh)
        if shown is None:
            return Verdict(True, _first(len(candidate)), agreement, newest)
        if not spotted or not self.best:
            self.best = max(self.best, balanced(shown))
        if agreement < self.best - DROP:
            points = (self.best - agreement) * 100
            said = f"Keeps the preview: the new one would lose {points:.0f} points of agreement."
            return Verdict(False, said, agreement, newest)
        if newest is not None and newest < OBEYED:
            said = f"Still unsure about your last stroke: {newest:.0%} of it is right."
            return Verdict(newest >= (share_of(shown, fresh) or 0.0), said, agreement, newest)
        return Verdict(True, f"Agrees with {agreement:.0%} of what you painted.", agreement, newest)


def share_of(marks: Mapping[Stroke, Mark], strokes: Collection[Stroke]) -> float | None:
    """Return the share of right pixels of some strokes; None if there are none."""
    some = [marks[stroke] for stroke in strokes if stroke in marks]
    pixels = sum(mark.pixels for mark in some)
    return sum(mark.right for mark in some) / pixels if pixels else None


def _first(strokes: int) -> str:
    return f"First preview, from {strokes} strokes."
