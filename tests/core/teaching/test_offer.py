import numpy as np
import pytest

from napari_unet.core.teaching import offer


@pytest.fixture
def offers(taught, picture, tools):
    """Those of a lesson with 16 strokes, of which the last two are not learnt."""
    for seed in range(20, 32):
        taught.paint(*tools.stroke(picture[1], seed % 2, seed))
    return taught._course._offers


def test_of_many_strokes_an_exam_asks_some_of_each_class_and_those_not_learnt(
    offers, taught, monkeypatch
):
    fresh = list(taught.strokes[-2:])
    assert set(offers.asked(fresh)) == set(taught.strokes)
    monkeypatch.setattr(offer, "MOST", 5)
    asked = offers.asked(fresh)
    assert asked[:2] == fresh
    assert offers.exam.cells(asked[2:]) <= 5
    assert {stroke.kind for stroke in asked[2:]} == {0, 1}
    assert len(asked) < len(taught.strokes)
    assert offers.asked(fresh) == asked, "the same until something is painted"
    others = set()
    for _ in range(200):
        offers.changed()
        others |= set(offers.asked(fresh))
    assert others == set(taught.strokes)


def test_part_of_the_way_lies_between_what_is_shown_and_what_was_learnt(taught, picture):
    """Weights of the network and of the glance, and how much the network counts."""
    states = taught._shelf.states
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
    start = one.toward(other, 0.0).beside.glance.values(filtered)
    np.testing.assert_allclose(start, one.beside.glance.values(filtered), atol=2e-3)


def test_a_stroke_that_is_obeyed_without_help_has_no_spot_any_more(taught, picture, tools):
    taught.paint(*tools.stroke(picture[1], 1, 33))
    list(taught.learn(steps=1))
    assert len(taught._shelf.last.beside.spots) >= 1
    list(taught.learn(steps=120))
    assert not taught._course._unlearnt.now()
    assert taught._shelf.last.beside.spots == ()
