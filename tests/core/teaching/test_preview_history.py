"""What was shown: the last states are kept, each with all it takes to go back to it."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.teaching.live_network import new_network, settings_of
from napari_unet.core.teaching.preview_history import (
    KEPT,
    NETWORK,
    RIPE,
    UNSEEN,
    PreviewHistory,
    network,
    state,
)


@pytest.fixture
def learned():
    """A state of a network that was taught nothing."""
    return state(new_network(settings_of("nano", 0), 1, 2), 1, 0)


def test_fifty_states_are_kept_and_the_first_is_the_end(taught):
    history = taught._history
    for _ in range(KEPT + 5):
        history.add(history.last)
    assert len(history) == KEPT
    for _ in range(KEPT - 1):
        taught.undo_learning()
    with pytest.raises(ValueError, match="no earlier state"):
        taught.undo_learning()


def test_part_of_the_way_lies_between_what_is_shown_and_what_was_learned(taught, picture):
    """Weights of the network and of the glance, and how much the network counts."""
    states = taught._history.states
    one, other = states[-2], states[-1]
    assert one.toward(other, 1.0) is other
    half = one.toward(other, 0.5)
    for name, weight in half.weights.items():
        expected = (
            (one.weights[name] + other.weights[name]) / 2 if one.taught else other.weights[name]
        )
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    mean = (one.beside.network + other.beside.network) / 2
    assert half.beside.network == pytest.approx(mean)
    filtered = taught._filters.of((), (slice(0, 40), slice(0, 40)))
    start = one.toward(other, 0.0).beside.classifier.values(filtered)
    np.testing.assert_allclose(start, one.beside.classifier.values(filtered), atol=2e-3)


def test_networks_that_cannot_be_taught_are_refused(taught, picture):
    with pytest.raises(ValueError, match="3 channels and the image has 1"):
        taught.adopt(UNet(3, 2, base=12, depth=2))
    with pytest.raises(ValueError, match="base 7"):
        taught.adopt(UNet(1, 2, base=7, depth=2))


def test_before_anything_is_learned_that_is_said():
    history = PreviewHistory()
    assert (history.last, len(history), history.states) == (None, 0, [])
    with pytest.raises(ValueError, match="nothing is learned yet"):
        history.scorer()
    with pytest.raises(ValueError, match="nothing is learned yet"):
        network(history, Normalisation(), 1, None)


def test_one_scorer_is_kept_until_another_state_is_shown(learned):
    history = PreviewHistory()
    history.add(learned)
    first = history.scorer()
    assert history.scorer() is first
    history.add(replace(learned, weights=dict(learned.weights)))
    assert history.scorer() is not first
    history.drop_last()
    assert history.last is learned
    history.forget_scores()
    assert history.scorer() is not first


def test_what_was_looked_at_last_counts_as_seen_for_some_changes(learned):
    history = PreviewHistory()
    history.add(learned)
    looked = history.view()
    for _ in range(UNSEEN):
        history.add(replace(learned), looked.with_beside(None))
        assert history.last_viewed() is looked
    history.put_off()
    assert history.last_viewed() is history.scorer() is not looked


def test_the_network_counts_the_more_the_longer_it_has_learned(learned):
    history = PreviewHistory()
    shares = [history.network_share(steps) for steps in (0, RIPE // 2, RIPE, 10 * RIPE)]
    assert shares == [0.0, NETWORK / 4, NETWORK, NETWORK]
    history.add(learned)
    assert history.network_share(0) == NETWORK, "never less than in what is shown"


def test_a_copy_of_the_network_says_what_it_was_taught_on(learned):
    history = PreviewHistory()
    history.add(replace(learned, shown=replace(learned.shown, strokes=7, steps=90)))
    found = network(history, Normalisation(2.0, 98.0), 2, {"Y": 0.5, "X": 0.25})
    assert found.about["pixel_size"] == {"Y": 1.0, "X": 0.5}
    assert found.about["normalisation"] == Normalisation(2.0, 98.0).to_dict()
    assert found.about["history"][-1] == {
        "event": "taught", "strokes": 7, "steps": 90, "working_size": 2,
    }  # fmt: skip
    with_it = state(found, 1, 0)
    assert with_it.shown.strokes == 7
    assert with_it.shown.by == "nano"
    found.head.bias.data += 1.0
    assert not np.array_equal(with_it.weights["head.bias"], found.head.bias.detach())
    assert learned.network.about["history"] == [], "the copy alone was told"


def test_numbers_of_previews_are_never_used_twice(learned):
    history = PreviewHistory()
    numbers = [history.next_epoch(), history.next_epoch()]
    history.replace([learned])
    assert [*numbers, history.next_epoch()] == [1, 2, 3]
