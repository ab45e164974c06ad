"""Progress: where learning stands since the strokes changed, when to look at it, when to stop."""

from dataclasses import dataclass
from math import inf

SOON = 6  # steps between two exams at least
CELLS_PER_STEP = 8.0  # cells of an exam that take as long as a step
EXAM_SHARE = 0.25  # of the time goes into exams at most
PLATEAU = 150  # steps without gain after which learning stops by itself
GAIN = 0.002  # of agreement that counts as gain
LOSS_GAIN = 0.05  # share of the loss that counts as gain
MEMORY = 0.97  # of the smoothed loss


@dataclass
class Progress:
    """Counts steps since the strokes changed; ``next_exam`` is the step of the next exam."""

    next_exam: int = SOON
    steps: int = 0
    examined: bool = False
    _stale: int = 0  # steps without gain
    _agreement: float = 0.0  # the best
    _loss: float = 0.0  # smoothed
    _lowest: float = inf

    @property
    def settled(self) -> bool:
        """Whether nothing was gained for long."""
        return self._stale >= PLATEAU

    @property
    def exam_due(self) -> bool:
        """Whether it is time to look at what was learnt."""
        return self.steps >= self.next_exam or self.settled

    @property
    def exam_next(self) -> bool:
        """Whether it will be after one more step."""
        return self.steps + 1 >= min(self.next_exam, self.steps + PLATEAU - self._stale)

    def note_loss(self, loss: float) -> None:
        """Take in the loss of a step."""
        self.steps += 1
        self._stale += 1
        self._loss = loss if self.steps == 1 else MEMORY * self._loss + (1 - MEMORY) * loss

    def note_exam(self, agreement: float, cells: int, whole: bool = True) -> None:
        """Take in the agreement found by an exam of so many cells; gain makes learning go on.

        So does what was learnt as long as it is not shown as a ``whole``; the next exam is soon.
        """
        self.examined = True
        if (
            not whole
            or agreement > self._agreement + GAIN
            or self._loss < self._lowest * (1 - LOSS_GAIN)
        ):
            self._stale = 0
            self._lowest = min(self._lowest, self._loss)
        self._agreement = max(self._agreement, agreement)
        pause = round(cells / CELLS_PER_STEP / EXAM_SHARE)
        self.next_exam = self.steps + max(SOON, self.steps // 3 if whole else 0, pause)
