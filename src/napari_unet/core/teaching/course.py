"""Course: learns from the strokes step by step, sits exams, and publishes what passes the gate.

All decisions hang on numbers of steps and never on the clock, so that the same strokes between the
same steps give the same networks.
"""

from dataclasses import dataclass, field

from napari_unet.core.teaching.exam import Exam, Mark
from napari_unet.core.teaching.gate import OBEYED, Gate
from napari_unet.core.teaching.published import Published, Shelf, State
from napari_unet.core.teaching.pupil import Pupil
from napari_unet.core.teaching.rehearsal import Rehearsal
from napari_unet.core.teaching.strokes import Stroke, Strokes

FIRST = 20  # steps before the first exam ever
SOON = 15  # steps between a change and the first exam after it
CELLS_PER_STEP = 1.5  # cells that take as long as a step
EXAM_SHARE = 0.25  # of the time goes into exams at most
PLATEAU = 150  # steps without gain after which learning stops by itself
GAIN = 0.002  # of agreement, and as a share of the loss, that counts as gain
FORGIVEN = 240  # steps after which a stroke that is never obeyed is treated like the others


@dataclass
class Progress:
    """Where learning stands since the strokes changed last."""

    steps: int = 0
    next_exam: int = SOON
    stale: int = 0  # steps without gain
    agreement: float = 0.0  # the best since
    loss: float = 0.0  # smoothed
    lowest: float = float("inf")

    def note_loss(self, loss: float) -> None:
        """Take in the loss of a step."""
        self.steps += 1
        self.stale += 1
        self.loss = loss if self.steps == 1 else 0.97 * self.loss + 0.03 * loss

    def note_agreement(self, agreement: float) -> None:
        """Take in the agreement of an exam; gain makes learning go on."""
        if agreement > self.agreement + GAIN or self.loss < self.lowest * 0.95:
            self.stale = 0
        self.agreement = max(self.agreement, agreement)
        self.lowest = min(self.lowest, self.loss)


@dataclass
class Course:
    """The learning of one pupil from the strokes on one image."""

    pupil: Pupil
    strokes: Strokes
    rehearsal: Rehearsal
    exam: Exam
    shelf: Shelf
    total: int = 0  # steps ever
    fresh: list[int] = field(default_factory=list)  # numbers of strokes not learnt yet
    progress: Progress = field(default_factory=Progress)
    asleep: bool = False
    _gate: Gate = field(default_factory=Gate)
    _marks: dict[Stroke, Mark] = field(default_factory=dict)  # of what is shown

    @property
    def ready(self) -> bool:
        """Whether two classes are painted."""
        return len(self.strokes.kinds) > 1

    @property
    def settled(self) -> bool:
        """Whether nothing is left to gain."""
        return self.asleep or self.progress.stale >= PLATEAU

    def changed(self, added: list[Stroke]) -> None:
        """Wake up: strokes were painted or taken away."""
        self.fresh = [n for n in self.fresh if self.strokes.get(n)] + [s.number for s in added]
        first = FIRST if self.shelf.last is None else SOON
        self.progress = Progress(next_exam=first)
        self._gate.reset()
        self.asleep = False

    def step(self) -> None:
        """Take one step of learning."""
        self.total += 1
        batch = self.rehearsal.draw(
            self.total, self.pupil.network.classes, self.pupil.device, self._fresh()
        )
        self.progress.note_loss(self.pupil.learn(batch))

    @property
    def exam_due(self) -> bool:
        """Whether it is time to look at what was learnt."""
        return self.progress.steps >= self.progress.next_exam

    def sit_exam(self) -> Published:
        """Mark the averaged weights and publish them if they pass."""
        weights = self.pupil.weights()
        candidate = State(self._shown("", 0.0, None, False), self.pupil.network, weights)
        marks = self.exam.marks(candidate.screen(), self.strokes)
        fresh = self._fresh()
        shown = self.marks() if self.shelf.last else None
        verdict = self._gate.judge(shown, marks, fresh, self.progress.steps)
        self._plan_next_exam()
        self.progress.note_agreement(verdict.agreement)
        self._let_go(fresh, marks)
        said = "Settled: waiting for you." if self.settled else verdict.said
        if not verdict.publish:
            return self._shown(said, verdict.agreement, verdict.newest, False)
        self.shelf.next_epoch()
        published = self._shown(said, verdict.agreement, verdict.newest, True)
        self.shelf.add(State(published, self.pupil.network, weights))
        self._marks = marks
        return published

    def marks(self) -> dict[Stroke, Mark]:
        """Return the marks of what is shown on the strokes as they are now."""
        missing = [stroke for stroke in self.strokes if stroke not in self._marks]
        if missing:
            self._marks |= self.exam.marks(self.shelf.screen(), missing)
        self._marks = {s: self._marks[s] for s in self.strokes}
        return self._marks

    def go_back(self) -> Published:
        """Show the state before the one shown, learn on from there at the next stroke."""
        self.shelf.drop_last()
        state = self.shelf.last
        assert state is not None
        self.pupil.go_back(state.weights)
        self._marks = {}
        self.fresh = []
        self.asleep = True
        self.shelf.next_epoch()
        before = state.shown
        said = f"Back to what was learnt from {before.strokes} strokes; paint to go on."
        return self._shown(said, before.agreement, before.newest, True)

    def _fresh(self) -> list[Stroke]:
        found = (self.strokes.get(number) for number in self.fresh)
        return [stroke for stroke in found if stroke]

    def _let_go(self, fresh: list[Stroke], marks: dict[Stroke, Mark]) -> None:
        """Treat strokes like the others once they are obeyed, or after a long try."""
        forgiven = self.progress.steps >= FORGIVEN
        kept = [s.number for s in fresh if marks[s].share < OBEYED and not forgiven]
        self.fresh = kept

    def _plan_next_exam(self) -> None:
        steps = self.progress.steps
        cost = self.exam.cells(self.strokes) / CELLS_PER_STEP
        self.progress.next_exam = steps + max(SOON, steps // 3, round(cost / EXAM_SHARE))

    def _shown(self, said: str, agreement: float, newest: float | None, new: bool) -> Published:
        return Published(
            self.shelf.epoch, self.pupil.name, len(self.strokes), self.total,
            agreement, newest, new, said,
        )  # fmt: skip
