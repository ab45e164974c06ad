"""Course: learns from the strokes step by step, sits exams, and publishes what passes the gate.

All decisions hang on numbers of steps and never on the clock, so that the same strokes between the
same steps give the same networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from napari_unet.core.teaching.anchors import Anchors
from napari_unet.core.teaching.exam import Exam, Mark
from napari_unet.core.teaching.gate import Gate, Verdict
from napari_unet.core.teaching.glance import Glancer
from napari_unet.core.teaching.growth import Growth
from napari_unet.core.teaching.head import regrouped, regrouped_network
from napari_unet.core.teaching.progress import Progress
from napari_unet.core.teaching.published import Published, Shelf, State
from napari_unet.core.teaching.pupil import Pupil, Weights, between
from napari_unet.core.teaching.quality import Foreseen
from napari_unet.core.teaching.screen import Beside, Screen
from napari_unet.core.teaching.sizes import SIZES
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.teaching.unlearnt import Unlearnt

FIRST = 15  # steps before the first exam ever
SOON = 8  # steps between a change and the first exam after it
FEW = 5  # strokes up to which a preview may become quite another one
HEARTBEAT = 20  # steps between two signs of life
FORGIVEN = 240  # steps after which a stroke that is never obeyed is treated like the others

Make = Callable[[str], Pupil]  # a new pupil of a size


@dataclass
class Course:
    """The learning of one pupil from the strokes on one image."""

    make: Make
    strokes: Strokes
    exam: Exam
    shelf: Shelf
    glancer: Glancer
    anchors: Anchors
    pupil: Pupil = field(init=False)
    foreseen: Foreseen = field(default_factory=Foreseen)
    total: int = 0  # steps ever
    asleep: bool = False
    _beside: Beside | None = None  # fitted to the strokes as they are, unless they have changed
    _changed: bool = False  # since it was fitted
    _marks: dict[Stroke, Mark] = field(default_factory=dict)  # of what is shown
    _progress: Progress = field(default_factory=Progress)
    _gate: Gate = field(default_factory=Gate)

    def __post_init__(self) -> None:
        self.pupil = self.make(SIZES[0])
        self._unlearnt = Unlearnt(self.strokes)
        self._growth = Growth(self.make, SIZES, self.strokes, self.exam)

    @property
    def ready(self) -> bool:
        """Whether two classes are painted."""
        return len(self.strokes.kinds) > 1

    @property
    def over(self) -> bool:
        """Whether nothing is left to gain until somebody paints."""
        return self.asleep or (self._progress.settled and not self._growth.due)

    def changed(self, added: Sequence[Stroke] = ()) -> None:
        """Wake up: strokes were painted or taken away."""
        self._unlearnt.add(added)
        wait = SOON
        if not self._taught:
            wait = FIRST - self.total
        elif not self._progress.examined:  # whoever paints fast must not put it off for ever
            wait = self._progress.next_exam - self._progress.steps
        self._progress = Progress(max(wait, 1))
        self._gate.reset()
        self._changed, self.asleep = True, False

    def foresee(self) -> None:
        """Mark what is shown on strokes it has not learnt."""
        if self.shelf.last is None:
            return
        new = [s for s in self._unlearnt.now() if s not in self._marks and not s.confirmed]
        marks = self.marks()
        self.foreseen.note(marks[stroke] for stroke in new)

    def step(self) -> Published | None:
        """Take one step of learning; return what there is to tell after it."""
        if self._progress.settled:
            return self._grow()
        if self._progress.steps == 0:
            self.foresee()
        if self._changed:
            return self._glance()
        self.total += 1
        # what nothing is known of yet needs context; of a mended preview the stroke is what counts
        close = self._taught and not self._progress.examined
        fresh = self._unlearnt.now()
        self._progress.note_loss(self.pupil.learn(self.total, fresh, close=close))
        if self._progress.exam_due:
            return self._sit_exam()
        words = f"Learning from {len(self.strokes)} strokes."
        return None if self._progress.steps % HEARTBEAT else self._still(words)

    def marks(self) -> dict[Stroke, Mark]:
        """Return the marks of what is shown on the strokes as they are now."""
        missing = [stroke for stroke in self.strokes if stroke not in self._marks]
        if missing:
            self._marks |= self.exam.marks(self.shelf.screen(), missing)
        self._marks = {stroke: self._marks[stroke] for stroke in self.strokes}
        return self._marks

    def go_back(self) -> Published:
        """Show the state before the one shown, and wait for the next stroke."""
        self.shelf.drop_last()
        state = self.shelf.last
        assert state is not None
        self._take_up(state)
        before = state.shown
        said = f"Back to what was learnt from {before.strokes} strokes; paint to go on."
        return self._told(said, before.agreement, before.newest, True)

    def regroup(self, kept: Sequence[int | None]) -> None:
        """Have other classes: class i is class ``kept[i]`` of before, None being a new one."""
        network = regrouped_network(self.pupil.network, kept)
        shown = regrouped(self.pupil.weights(), kept)
        self.pupil = self.pupil.reborn(network, shown)
        if self._beside:
            self._beside = replace(self._beside, glance=self._beside.glance.regrouped(kept))
        self.shelf.replace([state.regrouped(kept) for state in self.shelf.states])
        self._growth.start_over(self.pupil.name, SIZES)
        self.forget_marks()

    def forget_marks(self) -> None:
        """Mark anew what is shown: the image looks different to it now."""
        self._marks = {}
        self.shelf.look_anew()
        self.changed()

    def adopt(self, state: State) -> None:
        """Show and go on from a network that was taught before."""
        self.shelf.add(state)
        self._take_up(state)

    def _take_up(self, state: State) -> None:
        """Go on from a state, with all that was learnt since forgotten."""
        if state.shown.by != self.pupil.name:
            self._growth.start_over(state.shown.by, SIZES)
        self.pupil = self.make(state.shown.by).reborn(state.network, state.weights)
        self._beside, self._changed = state.beside, False
        self._marks, self.asleep = {}, True
        self._unlearnt.forget()
        self.shelf.next_epoch()

    def _grow(self) -> Published | None:
        """Go on with trying a larger network; one that wins learns all strokes before it shows."""
        winner = self._growth.step()
        if winner is not None:
            self.pupil = winner
            self._progress = Progress(SOON)
            said = f"The {winner.name} network did better on strokes held back: it takes over."
            return self._still(said)
        return self._still(self._growth.said) if self._growth.beats(HEARTBEAT) else None

    @property
    def _taught(self) -> bool:
        """Whether the network has a say in what is shown."""
        return self.shelf.last is not None and self.shelf.last.taught

    def _glance(self) -> Published | None:
        """Fit a glance to all strokes and show it beside the network that is shown."""
        self._changed, fresh, last = False, self._unlearnt.now(), self.shelf.last
        before = self._beside.glance if self._beside else None
        held = self.anchors.held(self.shelf.screen(), fresh, self.total) if last else None
        glance = self.glancer.fit(self.pupil.network.classes, fresh, before, held)
        self._beside = Beside(glance, self.glancer.filters)
        shown = replace(self._beside, alone=not self._taught)
        if last is None:
            last = State(self._told("", 0.0, None, True), self.pupil.network, self.pupil.weights())
            screen = Screen(last.network, last.weights, shown)
        else:
            screen = self.shelf.screen().with_beside(shown)
        marks, verdict = self._judged(screen, fresh)
        if not verdict.publish:
            return None
        return self._show(replace(last, beside=shown), verdict, verdict.said, marks)

    def _sit_exam(self) -> Published:
        """Mark the averaged weights and publish them if they pass."""
        weights, fresh = self.pupil.weights(), self._unlearnt.now()
        marks, verdict = self._judged(self._screen(weights), fresh)
        self._progress.note_exam(verdict.agreement, self.exam.cells(self.strokes))
        self._unlearnt.let_go(marks, self._progress.steps >= FORGIVEN)
        last = self.shelf.last
        same = last is not None and last.shown.by == self.pupil.name
        if not verdict.publish and last and same and last.taught:
            # halfway from what is shown, less is forgotten of old strokes than is won of the new
            halfway = between(last.weights, weights)
            less, second = self._judged(self._screen(halfway), fresh)
            if second.publish:
                weights, marks, verdict = halfway, less, second
        said = "Settled: waiting for you." if self.over else verdict.said
        if not verdict.publish:
            if last and same and not last.taught:
                self.shelf.learn_on(weights)
            return self._still(said)
        new = State(self._told(said, 0.0, None, True), self.pupil.network, weights, self._beside)
        return self._show(new, verdict, said, marks)

    def _show(
        self, state: State, verdict: Verdict, said: str, marks: dict[Stroke, Mark]
    ) -> Published:
        """Publish a state, by the network that it holds."""
        self.shelf.next_epoch()
        told = self._told(said, verdict.agreement, verdict.newest, True)
        self.shelf.add(replace(state, shown=replace(told, by=state.shown.by)))
        self._marks = marks
        return self.shelf.states[-1].shown

    def _screen(self, weights: Weights) -> Screen:
        return Screen(self.pupil.network, weights, self._beside)

    def _judged(self, candidate: Screen, fresh: list[Stroke]) -> tuple[dict[Stroke, Mark], Verdict]:
        marks = self.exam.marks(candidate, self.strokes)
        verdict = self._gate.judge(self.marks() if self.shelf.last else None, marks, fresh)
        if verdict.publish and self.shelf.last and len(self.strokes) > FEW:
            shown = self.shelf.screen()
            verdict = self._gate.weigh(verdict, self.anchors.changed(shown, candidate, fresh))
        return marks, verdict

    def _still(self, said: str) -> Published:
        """Tell that what is shown stays."""
        last = self.shelf.last
        agreement = last.shown.agreement if last else 0.0
        return self._told(said, agreement, last.shown.newest if last else None, False)

    def _told(self, said: str, agreement: float, newest: float | None, new: bool) -> Published:
        last = self.shelf.last
        by = self.pupil.name if new or last is None else last.shown.by
        strokes = len(self.strokes)
        return Published(self.shelf.epoch, by, strokes, self.total, agreement, newest, new, said)
