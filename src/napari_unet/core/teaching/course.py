"""Course: learns from the strokes step by step, sits exams, and publishes what passes the gate.

All decisions hang on numbers of steps and never on the clock, so that the same strokes between the
same steps give the same networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from napari_unet.core.teaching.anchors import Anchors
from napari_unet.core.teaching.exam import Exam, Mark
from napari_unet.core.teaching.gate import Gate, Verdict
from napari_unet.core.teaching.glance import Glancer
from napari_unet.core.teaching.growth import Growth
from napari_unet.core.teaching.head import regrouped, regrouped_network
from napari_unet.core.teaching.progress import Progress
from napari_unet.core.teaching.published import Published, Shelf, State
from napari_unet.core.teaching.pupil import Pupil
from napari_unet.core.teaching.quality import Foreseen
from napari_unet.core.teaching.screen import NETWORK, Beside, Screen
from napari_unet.core.teaching.sizes import SIZES
from napari_unet.core.teaching.spot import Spot
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.teaching.unlearnt import Unlearnt

FIRST = 15  # steps before the first exam ever
SOON = 8  # steps between a change and the first exam after it
HEARTBEAT = 20  # steps between two signs of life
RIPE = 120  # steps after which the network counts in full beside the glance
FORGIVEN = 240  # steps after which a stroke that is never obeyed is treated like the others

Make = Callable[[str], Pupil]  # a new pupil of a size


class Offer(NamedTuple):
    """What could be shown next, what scores like it, and how it did in the exam."""

    state: State
    screen: Screen
    marks: dict[Stroke, Mark]
    verdict: Verdict


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
            self._beside = self._beside.regrouped(kept)
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
        """Fit a glance to all strokes; show it near the new ones, and far from them fade it in."""
        self._changed, fresh, last = False, self._unlearnt.now(), self.shelf.last
        before = self._beside.glance if self._beside else None
        held = self.anchors.held(self.shelf.screen(), fresh) if last else None
        glance = self.glancer.fit(self.pupil.network.classes, fresh, before, held)
        self._beside = Beside(glance, self.glancer.filters)
        if last is None:
            told = self._told("", 0.0, None, True)
            last = State(told, self.pupil.network, self.pupil.weights(), self._aimed(fresh, 0.0))
        part = last.beside.network if last.beside else 0.0
        offer = self._offered(replace(last, beside=self._aimed(fresh, part)), fresh, 0.0)
        return self._show(offer) if offer.verdict.publish else None

    def _sit_exam(self) -> Published:
        """Mark the averaged weights and publish what of them passes."""
        fresh, last = self._unlearnt.now(), self.shelf.last
        told = self._told("", 0.0, None, True)
        beside = self._aimed(fresh, NETWORK * min(self.total / RIPE, 1.0))
        aim = State(told, self.pupil.network, self.pupil.weights(), beside)
        offer = self._offered(aim, fresh, 0.5)
        verdict = offer.verdict
        self._progress.note_exam(verdict.agreement, self.exam.cells(self.strokes))
        if self.over:
            verdict = verdict._replace(said="Settled: waiting for you.")
        if not verdict.publish:
            if last and last.shown.by == self.pupil.name and not last.taught:
                self.shelf.learn_on(aim.weights)
            return self._still(verdict.said)
        self._let_go(offer, fresh)
        return self._show(offer._replace(verdict=verdict))

    def _let_go(self, offer: Offer, fresh: list[Stroke]) -> None:
        """Treat strokes like the others that are obeyed without the spots around them."""
        beside = offer.state.beside
        plain = offer.screen.with_beside(beside and replace(beside, spots=()))
        marks = self.exam.marks(plain, fresh)
        self._unlearnt.let_go(marks, self._progress.steps >= FORGIVEN)

    def _aimed(self, fresh: Sequence[Stroke], network: float) -> Beside | None:
        """Return the newest glance as it is to be shown in the end, the network counting so much."""
        if self._beside is None:
            return None
        pixels = self.strokes.working_pixels
        spots = tuple(Spot.around(s.plane, s.kind, pixels(s)) for s in fresh)
        return replace(self._beside, network=network, newest=self._beside.glance, spots=spots)

    def _offered(self, aim: State, fresh: list[Stroke], less: float) -> Offer:
        """Return as much of ``aim`` as may be shown at once, ``less`` of that if it fails."""
        last = self.shelf.last
        if last is None or last.shown.by != aim.shown.by:
            return self._judged(aim, aim.screen(), fresh)
        same = last.weights is aim.weights
        screen = self.shelf.screen().with_beside(aim.beside) if same else aim.screen()
        stride = self.anchors.stride(self.shelf.screen(), screen, fresh)
        offer = self._part(aim, screen, stride, fresh)
        if offer.verdict.publish:
            return offer
        second = self._part(aim, screen, stride * less, fresh)
        return second if second.verdict.publish else offer

    def _part(self, aim: State, whole: Screen, stride: float, fresh: list[Stroke]) -> Offer:
        """Return what lies ``stride`` of the way to ``aim``, judged."""
        assert self.shelf.last is not None
        state, shown = self.shelf.last.toward(aim, stride), self.shelf.screen()
        if state.weights is self.shelf.last.weights:
            screen = shown.with_beside(state.beside)
        else:
            screen = whole if stride == 1.0 else state.screen()
        return self._judged(state, screen, fresh)

    def _judged(self, state: State, screen: Screen, fresh: list[Stroke]) -> Offer:
        marks = self.exam.marks(screen, self.strokes)
        verdict = self._gate.judge(self.marks() if self.shelf.last else None, marks, fresh)
        return Offer(state, screen, marks, verdict)

    def _show(self, offer: Offer) -> Published:
        """Publish what was offered."""
        self.shelf.next_epoch()
        verdict, state = offer.verdict, offer.state
        told = self._told(verdict.said, verdict.agreement, verdict.newest, True)
        self.shelf.add(replace(state, shown=replace(told, by=state.shown.by)), offer.screen)
        self._marks = offer.marks
        return self.shelf.states[-1].shown

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
