"""Candidates: as much of what was learned as may be shown at once, tested for agreement.

The reference pixels decide how far a candidate goes towards what was learned, and the gate decides
whether it is shown: only if it agrees with old and new strokes as well as the preview does.
Agreement may drop by one point at most, counted from the best that was shown for these strokes. An
agreement test covers the strokes that are not learned yet and a changing choice of the others.
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
LEARNED = 0.85  # share of a new stroke from which on it counts as learned


class Decision(NamedTuple):
    """Whether to publish, and what there is to say."""

    publish: bool
    message: str
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
        local: bool = False,
    ) -> Decision:
        """Compare the agreement of a candidate with that of the preview, None before the first.

        A preview that is better only in the areas around new strokes, ``local``, sets no new best.
        ``fresh`` are the strokes not learned yet: agreement with them has to rise, too.
        """
        agreement = balanced(candidate)
        newest = share_of(candidate, fresh)
        if shown is None:
            return Decision(True, _first(len(candidate)), agreement, newest)
        if not local or not self.best:
            self.best = max(self.best, balanced(shown))
        if agreement < self.best - DROP:
            points = (self.best - agreement) * 100
            reason = f"Keeps the preview: the new one would lose {points:.0f} points of agreement."
            return Decision(False, reason, agreement, newest)
        if newest is not None and newest < LEARNED:
            reason = f"Still unsure about your last stroke: {newest:.0%} of it is right."
            return Decision(newest >= (share_of(shown, fresh) or 0.0), reason, agreement, newest)
        return Decision(
            True, f"Agrees with {agreement:.0%} of what you painted.", agreement, newest
        )


def share_of(agreements: Mapping[Stroke, Agreement], strokes: Collection[Stroke]) -> float | None:
    """Return the share of right pixels of some strokes; None if there are none."""
    some = [agreements[stroke] for stroke in strokes if stroke in agreements]
    pixels = sum(agreement.pixels for agreement in some)
    return sum(agreement.right for agreement in some) / pixels if pixels else None


def _first(strokes: int) -> str:
    return f"First preview, from {strokes} strokes."


FEW = 2  # strokes up to which a preview may become quite another one
MOST = 20  # cells of a test besides those of strokes not learned yet: an eighth of a second
STAY = 8  # changes of the strokes that the same others are asked: their cells are scored already
SPREAD = 0.6180339887498949  # multiples of it lie evenly between whole numbers


class Candidate(NamedTuple):
    """What could be shown next, its scorer, and its agreement in the test."""

    state: LearnedState
    scorer: BlendedScorer
    agreements: dict[Stroke, Agreement]
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
    test: AgreementTest
    history: PreviewHistory
    references: ReferencePixels
    _gate: NeverWorseGate = field(default_factory=NeverWorseGate)
    _agreements: dict[Stroke, Agreement] = field(default_factory=dict)  # of what is shown
    _local: bool = False  # the preview differs from the one before only in areas around strokes
    _wrong: float = 0.0  # share of the newest strokes that was shown wrong
    _drawn: int = 0  # how often strokes changed

    def changed(self) -> None:
        """Judge anew: strokes were painted or taken away."""
        self._gate.reset()
        self._local = False
        self._drawn += 1

    def foresee(self, new: Collection[Stroke]) -> dict[Stroke, Agreement]:
        """Return the agreement of the preview with strokes that are not learned yet."""
        agreements = self.agreements(new)
        self._wrong = 1 - balanced(agreements) if agreements else self._wrong
        return agreements

    @property
    def correcting(self) -> bool:
        """Whether the newest strokes correct a preview: then the corrected places come first.

        Of one from few strokes, or of one that had the new ones right, the whole is wanted soonest.
        """
        return self._wrong > 1 - LEARNED and not self.references.guessed

    def forget_agreements(self) -> None:
        """Test what is shown again."""
        self._agreements = {}

    def untested(self, strokes: Iterable[Stroke]) -> list[Stroke]:
        """Return those of ``strokes`` that were never asked about."""
        return [stroke for stroke in strokes if stroke not in self._agreements]

    def agreements(self, strokes: Collection[Stroke]) -> dict[Stroke, Agreement]:
        """Return the agreement of the preview with strokes as they are now."""
        missing = self.untested(strokes)
        if missing:
            self._agreements |= self.test.agreements(self.history.scorer(), missing)
        self._agreements = {
            stroke: agreement
            for stroke, agreement in self._agreements.items()
            if stroke in self.strokes
        }
        return {stroke: self._agreements[stroke] for stroke in strokes}

    def asked(self, fresh: Collection[Stroke]) -> list[Stroke]:
        """Return the strokes of a test: the ``fresh`` ones, then of each class in turn."""
        rest = [stroke for stroke in self.strokes if stroke not in fresh]
        if self.test.cells(rest) <= MOST:
            return list(self.strokes)
        start = self._drawn // STAY * SPREAD
        order = sorted(rest, key=lambda stroke: (stroke.number * SPREAD + start) % 1)
        counts = dict.fromkeys(self.strokes.kinds, 0)
        turns = []
        for stroke in order:
            turns.append((counts[stroke.kind], stroke.kind, stroke))
            counts[stroke.kind] += 1
        chosen: list[Stroke] = []
        for *_, stroke in sorted(turns, key=lambda turn: turn[:2]):
            if self.test.cells([*chosen, stroke]) > MOST:
                break
            chosen.append(stroke)
        return [*fresh, *chosen]

    def _asked_last(self, fresh: Collection[Stroke]) -> list[Stroke]:
        """Return the strokes of the last test, for which the scores of the network are kept."""
        asked_before = [
            stroke for stroke in self._agreements if stroke not in fresh and stroke in self.strokes
        ]
        every = {stroke.kind for stroke in asked_before} == set(self.strokes.kinds)
        return [*fresh, *asked_before] if every else self.asked(fresh)

    def nearby(self, aim: LearnedState, fresh: list[Stroke]) -> Candidate:
        """Return the preview with the areas of ``aim`` alone, which is quick to test."""
        last = self.history.last
        assert last is not None
        state = last.toward(aim, 0.0)
        scorer = self.history.scorer().with_beside(state.beside)
        return self._judged(state, scorer, fresh, self._asked_last(fresh))._replace(share=0.0)

    def of(self, aim: LearnedState, fresh: list[Stroke], less: float) -> Candidate:
        """Return as much of ``aim`` as may be shown at once, ``less`` of that if it fails."""
        last = self.history.last
        if last is None or last.shown.by != aim.shown.by:
            return self._judged(aim, aim.scorer(), fresh, self.asked(fresh))
        shown, same = self.history.scorer(), last.weights is aim.weights
        asked = self._asked_last(fresh) if same else self.asked(fresh)
        whole = shown.with_beside(aim.beside) if same else aim.scorer()
        few = len(self.strokes) <= FEW
        way = Transition(self.history.last_viewed(), shown, whole)
        stride = 1.0 if few else self.references.stride(way, fresh, self._wrong)
        if not stride:  # what is shown has to be seen first
            self.history.put_off()
            candidate = self.nearby(aim, fresh)
            return candidate._replace(verdict=candidate.verdict._replace(publish=False))
        offer = None
        for share in (stride, stride * less):
            state = last.toward(aim, share)
            if state.weights is last.weights:
                scorer = shown.with_beside(state.beside)
            else:
                scorer = whole if share == 1.0 else state.scorer()
            second = self._judged(state, scorer, fresh, asked)._replace(share=share)
            if second.verdict.publish:
                return second
            offer = offer or second
        assert offer is not None
        return offer

    def take(self, offer: Candidate) -> None:
        """Note that an offer is shown now, and score it at the reference pixels."""
        self._agreements, self._local = offer.agreements, offer.share == 0.0
        self.references.score_cells(offer.scorer)

    def _judged(
        self, state: LearnedState, scorer: BlendedScorer, fresh: list[Stroke], asked: list[Stroke]
    ) -> Candidate:
        agreements = self.test.agreements(scorer, asked)
        shown = self.agreements(asked) if self.history.last else None
        verdict = self._gate.judge(shown, agreements, fresh, self._local)
        return Candidate(state, scorer, agreements, verdict)
