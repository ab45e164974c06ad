"""LearningLoop: learns from the strokes step by step, tests, and publishes what is not worse.

All decisions depend on numbers of steps and never on the clock, so that the same strokes between
the same steps give the same networks. Strokes that the network does not get right yet come up more
often until it does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from napari_unet.core.teaching.blended_scores import ClassifierPart, areas_around
from napari_unet.core.teaching.blind_check import RightBeforeLearning
from napari_unet.core.teaching.candidates import LEARNED, Candidate, CandidateMaker
from napari_unet.core.teaching.live_network import (
    SIZES,
    LiveNetwork,
    change_classes,
    regrouped_network,
)
from napari_unet.core.teaching.network_growth import Growth
from napari_unet.core.teaching.pixel_classifier import PixelClassifierTrainer
from napari_unet.core.teaching.preview_history import LearnedState, PreviewHistory, Published
from napari_unet.core.teaching.stability import ReferencePixels
from napari_unet.core.teaching.stroke_agreement import Agreement, AgreementTest
from napari_unet.core.teaching.stroke_batches import NOTHING, Choice, PseudoLabels
from napari_unet.core.teaching.strokes import Stroke, Strokes

STEPS_BETWEEN_TESTS = 6  # steps between two tests at least
CELLS_PER_STEP = 8.0  # cells of a test that take as long as a step
TEST_SHARE = 0.25  # of the time goes into tests at most
PLATEAU = 150  # steps without gain after which learning stops by itself
GAIN = 0.002  # of agreement that counts as gain
LOSS_GAIN = 0.05  # share of the loss that counts as gain
MEMORY = 0.97  # of the smoothed loss


@dataclass
class LearningProgress:
    """Counts steps since the strokes changed; ``next_test`` is the step of the next test."""

    next_test: int = STEPS_BETWEEN_TESTS
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
    def test_due(self) -> bool:
        """Whether it is time to look at what was learned."""
        return self.steps >= self.next_test or self.settled

    @property
    def test_next(self) -> bool:
        """Whether it will be after one more step."""
        return self.steps + 1 >= min(self.next_test, self.steps + PLATEAU - self._stale)

    def note_loss(self, loss: float) -> None:
        """Take in the loss of a step."""
        self.steps += 1
        self._stale += 1
        self._loss = loss if self.steps == 1 else MEMORY * self._loss + (1 - MEMORY) * loss

    def note_test(self, agreement: float, cells: int, whole: bool = True) -> None:
        """Take in the agreement found by a test of so many cells; gain makes learning go on.

        So does what was learned as long as it is not shown as a ``whole``; the next test is soon.
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
        pause = round(cells / CELLS_PER_STEP / TEST_SHARE)
        self.next_test = self.steps + max(
            STEPS_BETWEEN_TESTS, self.steps // 3 if whole else 0, pause
        )


MOST = 8  # strokes at a time: each more would leave less time for every other


@dataclass
class PendingStrokes:
    """Remembers strokes by their numbers: what is left of them changes with the annotation."""

    strokes: Strokes
    _numbers: list[int] = field(default_factory=list)

    def add(self, strokes: Iterable[Stroke]) -> None:
        """Take in new strokes; of whoever paints faster than is learned, the newest count."""
        self._numbers = [*self._numbers, *(stroke.number for stroke in strokes)][-MOST:]

    def forget(self) -> None:
        """Treat all strokes alike."""
        self._numbers = []

    def now(self) -> list[Stroke]:
        """Return what is left of them."""
        strokes = (self.strokes.get(number) for number in self._numbers)
        return [stroke for stroke in strokes if stroke]

    def let_go(self, agreements: Mapping[Stroke, Agreement]) -> None:
        """Treat strokes like the others once the network gets them right."""
        self._numbers = [s.number for s in self.now() if agreements[s].share < LEARNED]


FIRST = 15  # steps before the very first test
STEPS_TO_FIRST_TEST = 8  # steps between a change and the first test after it
HEARTBEAT = 20  # steps between two signs of life
FORGIVEN = 240  # steps after which a stroke that is never learned is treated like the others

Make = Callable[[str], LiveNetwork]  # a new network of a size


@dataclass
class LearningLoop:
    """The learning of one live network from the strokes on one image."""

    make: Make
    strokes: Strokes
    test: AgreementTest
    history: PreviewHistory
    trainer: PixelClassifierTrainer
    references: ReferencePixels
    live: LiveNetwork = field(init=False)
    foreseen: RightBeforeLearning = field(default_factory=RightBeforeLearning)
    total: int = 0  # steps ever
    asleep: bool = False
    _beside: ClassifierPart | None = (
        None  # fitted to the strokes as they are, unless they have changed
    )
    _changed: bool = False  # since it was fitted
    _near: bool = False  # it is shown near new strokes alone
    _unpainted: PseudoLabels = NOTHING  # what was shown when strokes changed last
    _progress: LearningProgress = field(default_factory=LearningProgress)

    def __post_init__(self) -> None:
        self.live = self.make(SIZES[0])
        self._unlearned = PendingStrokes(self.strokes)
        self._growth = Growth(self.make, SIZES, self.strokes, self.test)
        self._offers = CandidateMaker(self.strokes, self.test, self.history, self.references)

    @property
    def ready(self) -> bool:
        """Whether two classes are painted."""
        return len(self.strokes.kinds) > 1

    @property
    def over(self) -> bool:
        """Whether nothing is left to gain until somebody paints."""
        return self.asleep or (self._progress.settled and not self._growth.due)

    @property
    def looks(self) -> bool:
        """Whether the next step ends with an agreement test."""
        return self._changed or self._near or self._progress.test_next

    def changed(self, added: Sequence[Stroke] = ()) -> None:
        """Learn again: strokes were painted or taken away."""
        self._unlearned.add(added)
        wait = STEPS_TO_FIRST_TEST
        if not self._taught:
            wait = FIRST - self.total
        elif not self._progress.examined:  # whoever paints fast must not put it off for ever
            wait = self._progress.next_test - self._progress.steps
        self._progress = LearningProgress(max(wait, 1))
        self._offers.changed()
        self._changed, self.asleep = True, False

    def foresee(self) -> None:
        """Test the preview on strokes that are not learned yet."""
        if self.history.last is None:
            return
        new = self._offers.untested(s for s in self._unlearned.now() if not s.confirmed)
        self.foreseen.note(self._offers.foresee(new).values())

    def step(self) -> Published | None:
        """Take one step of learning; return what there is to tell after it."""
        if self._progress.settled:
            return self._grow()
        if self._progress.steps == 0:
            self.foresee()
        if self._changed:
            return self._fit_classifier()
        if self._near:
            return self._fade(near=False)
        self.total += 1
        # before the first preview context is needed; when one is corrected, the stroke counts
        close = self._taught and not self._progress.examined
        fresh = self._unlearned.now()
        choice = Choice(fresh, close=close, unpainted=self._unpainted)
        self._progress.note_loss(self.live.learn(self.total, choice))
        if self._progress.test_due:
            return self._take_test()
        words = f"Learning from {len(self.strokes)} strokes."
        return None if self._progress.steps % HEARTBEAT else self._unchanged(words)

    def go_back(self) -> Published:
        """Show the state before the one shown, and wait for the next stroke."""
        self.history.drop_last()
        state = self.history.states[-1]
        self._take_up(state)
        before = state.shown
        sentence = f"Back to what was learned from {before.strokes} strokes; paint to go on."
        return self._published(sentence, before.agreement, before.newest, True)

    def regroup(self, kept: Sequence[int | None]) -> None:
        """Have other classes: class i is class ``kept[i]`` of before, None being a new one."""
        network = regrouped_network(self.live.network, kept)
        shown = change_classes(self.live.weights(), kept)
        self.live = self.live.reborn(network, shown)
        if self._beside:
            self._beside = self._beside.regrouped(kept)
        self.history.replace([state.regrouped(kept) for state in self.history.states])
        self._growth.start_over(self.live.name, SIZES)
        self.forget_agreements()

    def forget_agreements(self) -> None:
        """Test the preview again: the image is normalised in another way now."""
        self._offers.forget_agreements()
        self._unpainted = NOTHING
        self.history.forget_scores()
        self.changed()

    def adopt(self, state: LearnedState) -> None:
        """Show and go on from a network that was taught before."""
        self.history.add(state)
        self._take_up(state)

    def _take_up(self, state: LearnedState) -> None:
        """Go on from a state, with all that was learned since forgotten."""
        if state.shown.by != self.live.name:
            self._growth.start_over(state.shown.by, SIZES)
        self.live = self.make(state.shown.by).reborn(state.network, state.weights)
        self._beside, self._changed, self._near = state.beside, False, False
        self._unpainted, self.asleep = NOTHING, True
        self._offers.forget_agreements()
        self._unlearned.forget()
        self.history.next_epoch()

    def _grow(self) -> Published | None:
        """Go on with trying a larger network; one that wins learns all strokes before it shows."""
        winner = self._growth.step()
        if winner is not None:
            self.live = winner
            self._progress = LearningProgress(STEPS_TO_FIRST_TEST)
            sentence = f"The {winner.name} network did better on strokes held back: it takes over."
            return self._unchanged(sentence)
        return self._unchanged(self._growth.message) if self._growth.beats(HEARTBEAT) else None

    @property
    def _taught(self) -> bool:
        """Whether the network, not the pixel classifier alone, scores the preview."""
        return self.history.last is not None and self.history.last.taught

    def _fit_classifier(self) -> Published | None:
        """Fit a pixel classifier to all strokes; show part of it, at once near the new ones."""
        self._changed, fresh, last = False, self._unlearned.now(), self.history.last
        before = self._beside.classifier if self._beside else None
        held = None
        if last:
            held = self.references.held(self.history.scorer(), fresh)
            self._unpainted = self.references.unpainted(self.history.scorer(), fresh)
        classifier = self.trainer.fit(self.live.network.classes, fresh, before, held)
        self._beside = ClassifierPart(classifier, self.trainer.filters)
        if last is None:
            published = self._published("", 0.0, None, True)
            beside = replace(self._beside, network=0.0)
            first = LearnedState(published, self.live.network, self.live.weights(), beside)
            return self._show(self._offers.of(first, fresh, 0.0))
        return (None if self._offers.correcting else self._fade(near=False)) or self._fade(
            near=True
        )

    def _fade(self, near: bool) -> Published | None:
        """Show the newest classifier ``near`` new strokes alone, or part of it elsewhere too."""
        self._near, fresh, last = near, self._unlearned.now(), self.history.last
        assert last is not None
        aim = replace(last, beside=self._aimed(fresh, last.network_counts))
        offer = self._offers.nearby(aim, fresh) if near else self._offers.of(aim, fresh, 0.5)
        return self._show(offer) if offer.verdict.publish else None

    def _take_test(self) -> Published:
        """Test the averaged weights and publish what passes the gate."""
        fresh, last = self._unlearned.now(), self.history.last
        published = self._published("", 0.0, None, True)
        beside = self._beside and self._aimed(fresh, self.history.network_share(self.total))
        aim = LearnedState(published, self.live.network, self.live.weights(), beside)
        offer = self._offers.of(aim, fresh, 0.5)
        verdict = offer.verdict
        self._progress.note_test(verdict.agreement, self.test.cells(offer.agreements), offer.whole)
        if self.over:
            verdict = verdict._replace(message="Settled: waiting for you.")
        if self._progress.steps >= FORGIVEN:
            self._unlearned.forget()
        if not verdict.publish:
            if last and not last.taught and last.shown.by == self.live.name:
                self.history.learn_on(aim.weights)
            return self._unchanged(verdict.message)
        self._let_go(offer, fresh)
        return self._show(offer._replace(verdict=verdict))

    def _let_go(self, offer: Candidate, fresh: list[Stroke]) -> None:
        """Treat strokes like the others that are right without the areas around them."""
        beside = offer.state.beside
        plain = offer.scorer.with_beside(beside and replace(beside, areas=()))
        self._unlearned.let_go(self.test.agreements(plain, fresh))

    def _aimed(self, fresh: Sequence[Stroke], network: float) -> ClassifierPart:
        """Return the newest classifier as it is shown, with areas around ``fresh`` strokes."""
        assert self._beside is not None
        areas = areas_around(fresh, self.strokes)
        return replace(self._beside, network=network, newest=self._beside.classifier, areas=areas)

    def _show(self, offer: Candidate) -> Published:
        """Publish what was offered."""
        self.history.next_epoch()
        verdict, state = offer.verdict, offer.state
        published = self._published(verdict.message, verdict.agreement, verdict.newest, True)
        self.history.add(replace(state, shown=replace(published, by=state.shown.by)), offer.scorer)
        self._offers.take(offer)
        return self.history.states[-1].shown

    def _unchanged(self, message: str) -> Published:
        """Tell that what is shown stays."""
        last = self.history.last
        agreement = last.shown.agreement if last else 0.0
        return self._published(message, agreement, last.shown.newest if last else None, False)

    def _published(
        self, message: str, agreement: float, newest: float | None, new: bool
    ) -> Published:
        last = self.history.last
        by = self.live.name if new or last is None else last.shown.by
        strokes = len(self.strokes)
        return Published(
            self.history.epoch, by, strokes, self.total, agreement, newest, new, message
        )
