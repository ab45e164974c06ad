"""The states of a live network that were shown, and how they become networks and back.

The last state is the one shown; the earlier ones are kept, so that a person can go back.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.teaching.blended_scores import NETWORK, BlendedScorer, ClassifierPart
from napari_unet.core.teaching.live_network import (
    SIZES,
    Weights,
    between,
    change_classes,
    regrouped_network,
    settings_of,
)
from napari_unet.core.training.settings import TrainSettings

KEPT = 50  # states that undo can go back to: 6 MB of the smallest network
RIPE = 150  # steps after which the network counts in full beside the pixel classifier
UNSEEN = 3  # changes, made or put off, that nobody looked at: then nobody is waiting for the next


@dataclass(frozen=True, eq=False)
class Published:
    """What is shown, or still shown, after a slice of learning."""

    epoch: int  # counts what was shown: a preview made with an older one is out of date
    by: str  # the size of the network: nano, small, standard
    strokes: int  # strokes it was taught with
    steps: int  # steps of learning, all together
    agreement: float  # share of painted pixels it gets right, averaged over classes
    newest: float | None  # share of the strokes painted last that it gets right
    new: bool  # whether the preview changes with it
    said: str  # one sentence
    when: float = field(default_factory=time.time)  # seconds since 1970


@dataclass(frozen=True, eq=False)
class LearnedState:
    """One published state with all it takes to go back to it."""

    shown: Published
    network: UNet  # of this architecture, with what it is about; its weights go on changing
    weights: Weights
    beside: ClassifierPart | None = None  # what is shown of it besides

    @property
    def taught(self) -> bool:
        """Whether the network, not the pixel classifier alone, scores it."""
        return self.beside is None or self.beside.network > 0

    @property
    def network_counts(self) -> float:
        """How much the network counts in it, or would count beside a pixel classifier."""
        return self.beside.network if self.beside else NETWORK

    def scorer(self) -> BlendedScorer:
        """Return what scores as this state does."""
        return BlendedScorer(self.network, self.weights, self.beside)

    def toward(self, aim: "LearnedState", share: float) -> "LearnedState":
        """Return what is ``share`` of the way to ``aim``, a later state of the same network."""
        if share == 1.0:
            return aim
        weights = between(self.weights, aim.weights, share) if self.taught else aim.weights
        beside = aim.beside
        if beside:
            before = self.beside or replace(beside, network=1.0)
            beside = before.toward(beside, share)
        return replace(aim, weights=weights, beside=beside)

    def regrouped(self, kept: Sequence[int | None]) -> "LearnedState":
        """Return this state for other classes: class i is class ``kept[i]`` of before."""
        network = regrouped_network(self.network, kept)
        beside = self.beside and self.beside.regrouped(kept)
        return LearnedState(self.shown, network, change_classes(self.weights, kept), beside)


class PreviewHistory:
    """The published states, the last one being shown."""

    def __init__(self) -> None:
        self._states: list[LearnedState] = []
        self._screen: tuple[LearnedState, BlendedScorer] | None = None
        self._viewed: BlendedScorer | None = None  # what was looked at last
        self._not_viewed = 0  # changes since, made or put off
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._states)

    @property
    def last(self) -> LearnedState | None:
        """The state that is shown; None before the first."""
        return self._states[-1] if self._states else None

    @property
    def states(self) -> list[LearnedState]:
        """All states kept, the oldest first."""
        return list(self._states)

    def scorer(self) -> BlendedScorer:
        """Return what scores with the state that is shown."""
        last = self.last
        if last is None:
            raise ValueError("nothing is learned yet: paint strokes of two classes first")
        if self._screen is None or self._screen[0] is not last:
            before = self._screen
            same = before is not None and before[0].weights is last.weights
            scorer = before[1].with_beside(last.beside) if before and same else last.scorer()
            self._screen = (last, scorer)
        return self._screen[1]

    def view(self) -> BlendedScorer:
        """Return the same; somebody looks at it."""
        self._viewed, self._not_viewed = self.scorer(), 0
        return self._viewed

    def last_viewed(self) -> BlendedScorer:
        """Return what was looked at last; what is shown, where nobody looks for long."""
        if self._viewed is None or self._not_viewed > UNSEEN:
            return self.scorer()
        return self._viewed

    def network_share(self, steps: int) -> float:
        """Return how much the network is to count: the more, the longer it has learned."""
        now = self.last.network_counts if self.last else 0.0
        return max(now, NETWORK * min(steps / RIPE, 1.0) ** 2)

    def put_off(self) -> None:
        """Note that a change waits until somebody looks."""
        self._not_viewed += 1

    def add(self, state: LearnedState, scorer: BlendedScorer | None = None) -> None:
        """Show ``state``; the oldest one beyond those kept is forgotten.

        ``scorer`` scores as the state does, and keeps the scores of some places already.
        """
        self._states.append(state)
        self._not_viewed += 1
        del self._states[:-KEPT]
        if scorer is None:
            self._viewed = None  # it comes from elsewhere, and nobody has seen any like it
        else:
            self._screen = (state, scorer)

    def next_epoch(self) -> int:
        """Return the number of the next preview; numbers are never used twice."""
        self.epoch += 1
        return self.epoch

    def learn_on(self, weights: Weights) -> None:
        """Keep later weights with what is shown, which the network does not score yet."""
        self._states[-1] = replace(self._states[-1], weights=weights)

    def drop_last(self) -> None:
        """Forget what is shown, so that the state before it is shown again."""
        self._states.pop()
        self._viewed = None

    def forget_scores(self) -> None:
        """Forget what was said of places: the picture looks different now."""
        self._screen = self._viewed = None

    def replace(self, states: list[LearnedState]) -> None:
        """Put other states in the place of all."""
        self._states = states
        self._screen = self._viewed = None


def network(
    history: PreviewHistory,
    normalisation: Normalisation,
    factor: int,
    pixel_size: dict[str, float] | None,
) -> UNet:
    """Return a copy of the network shown; its pixels are ``factor`` times those of the image."""
    history.scorer()  # refuses where nothing is learned yet
    state = history.last
    assert state is not None
    copied = copy.deepcopy(state.network)
    copied.load_state_dict(state.weights)
    about: dict[str, Any] = copied.about
    about["normalisation"] = normalisation.to_dict()
    if pixel_size is not None:
        about["pixel_size"] = {axis: size * factor for axis, size in pixel_size.items()}
    about["settings"] = asdict(settings_of(state.shown.by, 0))
    about["history"].append({
        "event": "taught", "strokes": state.shown.strokes, "steps": state.shown.steps,
        "working_size": factor,
    })  # fmt: skip
    return copied.eval()


def state(network: UNet, channels: int, seed: int) -> LearnedState:
    """Return the state that goes on from ``network``, or say why it cannot be taught."""
    if network.channels != channels:
        raise ValueError(
            f"the network takes {network.channels} channels and the image has {channels}: "
            "adapt the network, or start with a new one"
        )
    by = next((size for size in SIZES if _alike(network, settings_of(size, seed))), None)
    if by is None:
        raise ValueError(
            f"a network of base {network.base} and depth {network.depth} cannot be taught live: "
            f"take one of the sizes {', '.join(SIZES)}"
        )
    kept = copy.deepcopy(network)
    weights = {name: w.detach().clone() for name, w in kept.state_dict().items()}
    past = [item for item in network.about["history"] if item.get("event") == "taught"]
    strokes = int(past[-1]["strokes"]) if past else 0
    sentence = f"Goes on from what was learned from {strokes} strokes."
    return LearnedState(Published(0, by, strokes, 0, 0.0, None, True, sentence), kept, weights)


def _alike(network: UNet, settings: TrainSettings) -> bool:
    same = (settings.base, settings.depth, settings.norm, settings.dims)
    return same == (network.base, network.depth, network.norm, network.dims)
