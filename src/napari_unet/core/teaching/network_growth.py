"""Growth: teach a larger network in the background and use it only when it is better.

Every fourth stroke of each class is held back. The larger network and a new one of the size in use
learn from the others for equally many steps; the larger one has to be better on those held back.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from napari_unet.core.teaching.blended_scores import BlendedScorer
from napari_unet.core.teaching.live_network import LiveNetwork
from napari_unet.core.teaching.stroke_agreement import AgreementTest, balanced
from napari_unet.core.teaching.stroke_batches import Choice
from napari_unet.core.teaching.strokes import Stroke, Strokes

STROKES = 8  # needed before a larger network is tried, and so many more after it lost
EVERY = 4  # of how many strokes of a class one is held back
STEPS = 200  # each of the two learns
WIN = 0.01  # of balanced agreement on the strokes held back


class Trial:
    """A larger network against one of the size in use, on strokes neither has seen."""

    def __init__(
        self, strokes: Strokes, test: AgreementTest, larger: LiveNetwork, same: LiveNetwork
    ) -> None:
        self._strokes = strokes
        self._test = test
        self._larger, self._same = larger, same
        self._held = held_back(strokes)
        self.steps = 0

    def step(self) -> None:
        """Take one step of both."""
        self.steps += 1
        for live in (self._larger, self._same):
            live.learn(self.steps, Choice(without=self._held))

    @property
    def over(self) -> bool:
        """Whether both have learned enough to be compared."""
        return self.steps >= STEPS

    def winner(self) -> LiveNetwork | None:
        """Return the larger network if it won."""
        held = [s for number in sorted(self._held) if (s := self._strokes.get(number))]
        larger, same = (self._agreement(live, held) for live in (self._larger, self._same))
        return self._larger if held and larger > same + WIN else None

    def _agreement(self, live: LiveNetwork, held: list[Stroke]) -> float:
        return balanced(self._test.agreements(BlendedScorer(live.network, live.weights()), held))


class Growth:
    """Tries the next size when there are strokes enough; it is asked when all else has settled."""

    def __init__(
        self,
        make: Callable[[str], LiveNetwork],
        sizes: Iterable[str],
        strokes: Strokes,
        test: AgreementTest,
    ) -> None:
        self._make = make
        self._left = list(sizes)  # the one in use, then those to be tried
        self._strokes = strokes
        self._test = test
        self._enough = STROKES
        self._contest: Trial | None = None

    @property
    def due(self) -> bool:
        """Whether there is something to try, and enough to judge it by."""
        held = {self._strokes.get(number) for number in held_back(self._strokes)} - {None}
        kinds = {stroke.kind for stroke in held if stroke}
        enough = len(self._strokes) >= self._enough and kinds == set(self._strokes.kinds)
        return len(self._left) > 1 and (enough or self._contest is not None)

    @property
    def message(self) -> str:
        """One sentence on what is tried."""
        done = self._contest.steps if self._contest else 0
        return f"Trying a larger network, {self._left[1]}: {done} of {STEPS} steps."

    def beats(self, every: int) -> bool:
        """Tell after every so many steps of a trial that progress should be reported."""
        return self._contest is not None and self._contest.steps % every == 0

    def step(self) -> LiveNetwork | None:
        """Go on with the trial; return the larger network when it has won."""
        if self._contest is None:
            larger, same = self._make(self._left[1]), self._make(self._left[0])
            self._contest = Trial(self._strokes, self._test, larger, same)
        self._contest.step()
        if not self._contest.over:
            return None
        winner, self._contest = self._contest.winner(), None
        if winner is None:
            self._enough = len(self._strokes) + STROKES
        else:
            self._left.pop(0)
        return winner

    def start_over(self, size: str, sizes: Iterable[str]) -> None:
        """Begin again with ``size`` in use; a trial that is running is dropped."""
        self._contest = None
        every = list(sizes)
        self._left = every[every.index(size) :]


def held_back(strokes: Iterable[Stroke]) -> frozenset[int]:
    """Return the numbers of every fourth stroke of each class."""
    by_kind: dict[int, list[int]] = defaultdict(list)
    for stroke in strokes:
        by_kind[stroke.kind].append(stroke.number)
    return frozenset(n for numbers in by_kind.values() for n in numbers[EVERY - 1 :: EVERY])
