"""Candidate: as much of what was learned as may be shown at once, with the marks of an exam on it.

How far it goes towards what was learned the anchors say; whether it is shown, the gate. Of many
strokes an exam asks some: those not learned yet, and others, not the same ones for long.

NeverWorseGate: a preview is replaced only by one that obeys the strokes as well, old ones and new.

Agreement may drop by one point at most, counted from the best that was shown for these strokes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from napari_unet.core.teaching.blended_scores import BlendedScorer
from napari_unet.core.teaching.preview_history import LearnedState, PreviewHistory
from napari_unet.core.teaching.stability import ReferencePixels, Transition
from napari_unet.core.teaching.stroke_agreement import Agreement, AgreementTest, balanced
from napari_unet.core.teaching.strokes import Stroke, Strokes

DROP = 0.01  # of balanced agreement
OBEYED = 0.85  # share of a new stroke from which on it counts as learned


class Decision(NamedTuple):
    """Whether to publish, and what there is to say."""

    publish: bool
    said: str
    agreement: float
    newest: float | None


@dataclass
class NeverWorseGate:
    """Judges candidates against what is shown; ``best`` is reset when strokes change."""

    best: float = 0.0

    def reset(self) -> None:
        """Forget the best agreement: it was found on other strokes."""
        self.best = 0.0

    def judge(
        self,
        shown: Mapping[Stroke, Agreement] | None,
        candidate: Mapping[Stroke, Agreement],
        fresh: Collection[Stroke],
        spotted: bool = False,
    ) -> Decision:
        """Compare the marks of a candidate with those of what is shown, None before the first.

        What is shown better only by the spots around new strokes, ``spotted``, is no yardstick.
        ``fresh`` are the strokes not learned yet; what obeys them no better is not shown either.
        """
        agreement = balanced(candidate)
        newest = share_of(candidate, fresh)
        if shown is None:
            return Decision(True, _first(len(candidate)), agreement, newest)
        if not spotted or not self.best:
            self.best = max(self.best, balanced(shown))
        if agreement < self.best - DROP:
            points = (self.best - agreement) * 100
            said = f"Keeps the preview: the new one would lose {points:.0f} points of agreement."
            return Decision(False, said, agreement, newest)
        if newest is not None and newest < OBEYED:
            said = f"Still unsure about your last stroke: {newest:.0%} of it is right."
            return Decision(newest >= (share_of(shown, fresh) or 0.0), said, agreement, newest)
        return Decision(
            True, f"Agrees with {agreement:.0%} of what you painted.", agreement, newest
        )


def share_of(marks: Mapping[Stroke, Agreement], strokes: Collection[Stroke]) -> float | None:
    """Return the share of right pixels of some strokes; None if there are none."""
    some = [marks[stroke] for stroke in strokes if stroke in marks]
    pixels = sum(mark.pixels for mark in some)
    return sum(mark.right for mark in some) / pixels if pixels else None


def _first(strokes: int) -> str:
    return f"First preview, from {strokes} strokes."


FEW = 2  # strokes up to which a preview may become quite another one
MOST = 20  # cells of an exam, those of strokes not learned yet apart: an eighth of a second
STAY = 8  # changes of the strokes that the same others are asked: their cells are scored already
SPREAD = 0.6180339887498949  # multiples of it lie evenly between whole numbers


class Candidate(NamedTuple):
    """What could be shown next, what scores like it, and how it did in the exam."""

    state: LearnedState
    screen: BlendedScorer
    marks: dict[Stroke, Agreement]
    verdict: Decision
    share: float = 1.0  # of the way to what was learned

    @property
    def whole(self) -> bool:
        """Whether no more of it is to come: all of it is shown, or no part of it can be."""
        return self.share == 1.0 or (self.share > 0.0 and not self.verdict.publish)


@dataclass
class CandidateMaker:
    """Makes offers from what is learned, beside what is shown."""

    strokes: Strokes
    exam: AgreementTest
    shelf: PreviewHistory
    anchors: ReferencePixels
    _gate: NeverWorseGate = field(default_factory=NeverWorseGate)
    _marks: dict[Stroke, Agreement] = field(default_factory=dict)  # of what is shown
    _spotted: bool = False  # what is shown differs by spots alone from what was
    _wrong: float = 0.0  # share of the newest strokes that was shown wrong
    _drawn: int = 0  # how often strokes changed

    def changed(self) -> None:
        """Judge anew: strokes were painted or taken away."""
        self._gate.reset()
        self._spotted = False
        self._drawn += 1

    def foresee(self, new: Collection[Stroke]) -> dict[Stroke, Agreement]:
        """Return the marks of what is shown on strokes that are not learned yet."""
        marks = self.marks(new)
        self._wrong = 1 - balanced(marks) if marks else self._wrong
        return marks

    @property
    def mending(self) -> bool:
        """Whether the newest strokes mend a preview: then the places they mend come first.

        Of one from few strokes, or of one that had the new ones right, the whole is wanted soonest.
        """
        return self._wrong > 1 - OBEYED and not self.anchors.guessed

    def forget_marks(self) -> None:
        """Mark anew what is shown."""
        self._marks = {}

    def unmarked(self, strokes: Iterable[Stroke]) -> list[Stroke]:
        """Return those of ``strokes`` that were never asked about."""
        return [stroke for stroke in strokes if stroke not in self._marks]

    def marks(self, strokes: Collection[Stroke]) -> dict[Stroke, Agreement]:
        """Return the marks of what is shown on strokes as they are now."""
        missing = self.unmarked(strokes)
        if missing:
            self._marks |= self.exam.marks(self.shelf.screen(), missing)
        self._marks = {
            stroke: mark for stroke, mark in self._marks.items() if stroke in self.strokes
        }
        return {stroke: self._marks[stroke] for stroke in strokes}

    def asked(self, fresh: Collection[Stroke]) -> list[Stroke]:
        """Return the strokes of an exam: the ``fresh`` ones, then of each class in turn."""
        rest = [stroke for stroke in self.strokes if stroke not in fresh]
        if self.exam.cells(rest) <= MOST:
            return list(self.strokes)
        start = self._drawn // STAY * SPREAD
        order = sorted(rest, key=lambda stroke: (stroke.number * SPREAD + start) % 1)
        seen = dict.fromkeys(self.strokes.kinds, 0)
        turns = []
        for stroke in order:
            turns.append((seen[stroke.kind], stroke.kind, stroke))
            seen[stroke.kind] += 1
        chosen: list[Stroke] = []
        for *_, stroke in sorted(turns, key=lambda turn: turn[:2]):
            if self.exam.cells([*chosen, stroke]) > MOST:
                break
            chosen.append(stroke)
        return [*fresh, *chosen]

    def _asked_last(self, fresh: Collection[Stroke]) -> list[Stroke]:
        """Return the strokes of the last exam: what the network says of these is known."""
        known = [stroke for stroke in self._marks if stroke not in fresh and stroke in self.strokes]
        every = {stroke.kind for stroke in known} == set(self.strokes.kinds)
        return [*fresh, *known] if every else self.asked(fresh)

    def nearby(self, aim: LearnedState, fresh: list[Stroke]) -> Candidate:
        """Return what is shown with the spots of ``aim`` and nothing else of it: soonest judged."""
        last = self.shelf.last
        assert last is not None
        state = last.toward(aim, 0.0)
        screen = self.shelf.screen().with_beside(state.beside)
        return self._judged(state, screen, fresh, self._asked_last(fresh))._replace(share=0.0)

    def of(self, aim: LearnedState, fresh: list[Stroke], less: float) -> Candidate:
        """Return as much of ``aim`` as may be shown at once, ``less`` of that if it fails."""
        last = self.shelf.last
        if last is None or last.shown.by != aim.shown.by:
            return self._judged(aim, aim.screen(), fresh, self.asked(fresh))
        shown, same = self.shelf.screen(), last.weights is aim.weights
        asked = self._asked_last(fresh) if same else self.asked(fresh)
        whole = shown.with_beside(aim.beside) if same else aim.screen()
        few = len(self.strokes) <= FEW
        way = Transition(self.shelf.seen(), shown, whole)
        stride = 1.0 if few else self.anchors.stride(way, fresh, self._wrong)
        if not stride:  # what is shown has to be seen first
            self.shelf.put_off()
            found = self.nearby(aim, fresh)
            return found._replace(verdict=found.verdict._replace(publish=False))
        offer = None
        for share in (stride, stride * less):
            state = last.toward(aim, share)
            if state.weights is last.weights:
                screen = shown.with_beside(state.beside)
            else:
                screen = whole if share == 1.0 else state.screen()
            second = self._judged(state, screen, fresh, asked)._replace(share=share)
            if second.verdict.publish:
                return second
            offer = offer or second
        assert offer is not None
        return offer

    def take(self, offer: Candidate) -> None:
        """Note that an offer is what is shown now, and look where the next glance is held to it."""
        self._marks, self._spotted = offer.marks, offer.share == 0.0
        self.anchors.look(offer.screen)

    def _judged(
        self, state: LearnedState, screen: BlendedScorer, fresh: list[Stroke], asked: list[Stroke]
    ) -> Candidate:
        marks = self.exam.marks(screen, asked)
        shown = self.marks(asked) if self.shelf.last else None
        verdict = self._gate.judge(shown, marks, fresh, self._spotted)
        return Candidate(state, screen, marks, verdict)
