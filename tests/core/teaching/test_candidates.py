import numpy as np
import pytest

from napari_unet.core.teaching import candidates, stability
from napari_unet.core.teaching.candidates import NeverWorseGate
from napari_unet.core.teaching.preview_history import UNSEEN
from napari_unet.core.teaching.stroke_agreement import Agreement
from napari_unet.core.teaching.strokes import Stroke


def stroke(number, kind=0):
    return Stroke(number, kind, (), np.zeros((1, 2), np.int32))


OLD, OTHER, NEW = stroke(1), stroke(2, 1), stroke(3)


def agreements(old, other, new):
    shares = {OLD: old, OTHER: other, NEW: new}
    return {s: Agreement(s.kind, round(100 * share), 100) for s, share in shares.items()}


def test_the_first_is_always_shown():
    assert NeverWorseGate().judge(None, agreements(0, 0, 0), [NEW]).publish


def test_a_loss_of_more_than_a_point_is_not_shown():
    gate = NeverWorseGate()
    shown = agreements(1, 1, 1)
    assert gate.judge(shown, agreements(1, 0.99, 1), []).publish
    verdict = gate.judge(shown, agreements(1, 0.97, 1), [])
    assert not verdict.publish
    assert "2 points" in verdict.message


def test_small_losses_do_not_add_up():
    gate = NeverWorseGate()
    assert gate.judge(agreements(1, 1, 1), agreements(1, 0.985, 1), []).publish
    shown = agreements(1, 0.985, 1)
    assert not gate.judge(shown, agreements(1, 0.97, 1), []).publish
    gate.reset()  # strokes changed
    assert gate.judge(shown, agreements(1, 0.97, 1), []).publish


def test_what_obeys_a_new_stroke_no_better_is_not_shown():
    gate = NeverWorseGate()
    shown = agreements(0.9, 1, 0.5)
    worse, better, learned = agreements(1, 1, 0.4), agreements(1, 1, 0.6), agreements(1, 1, 0.9)
    assert not gate.judge(shown, worse, [NEW]).publish
    verdict = gate.judge(shown, better, [NEW])
    assert verdict.publish
    assert "60%" in verdict.message
    assert "unsure" not in gate.judge(shown, learned, [NEW]).message


@pytest.fixture
def offers(taught, picture, tools):
    """Those of a lesson with 16 strokes, of which the last two are not learned."""
    for seed in range(20, 32):
        taught.paint(*tools.stroke(picture[1], seed % 2, seed))
    return taught._course._offers


def test_of_many_strokes_an_exam_asks_some_of_each_class_and_those_not_learned(
    offers, taught, monkeypatch
):
    fresh = list(taught.strokes[-2:])
    assert set(offers.asked(fresh)) == set(taught.strokes)
    monkeypatch.setattr(candidates, "MOST", 5)
    asked = offers.asked(fresh)
    assert asked[:2] == fresh
    assert offers.test.cells(asked[2:]) <= 5
    assert {stroke.kind for stroke in asked[2:]} == {0, 1}
    assert len(asked) < len(taught.strokes)
    assert offers.asked(fresh) == asked, "the same until something is painted"
    others = set()
    for _ in range(200):
        offers.changed()
        others |= set(offers.asked(fresh))
    assert others == set(taught.strokes)


def away_from(area, taught, picture):
    """Return what is shown farther from a stroke than its spot reaches."""
    labels = taught.predict(tuple(slice(0, n) for n in picture[1].shape))[0].astype(int)
    rows, columns = (slice(max(part.start - 24, 0), part.stop + 24) for part in area)
    labels[rows, columns] = -1
    return labels


def test_what_is_mended_comes_first_and_the_rest_after_it(offers, taught, picture, monkeypatch):
    monkeypatch.setattr(stability, "CHANGED", 1.0)
    everything = tuple(slice(0, n) for n in picture[1].shape)
    list(taught.learn(steps=30))
    box = (slice(60, 64), slice(90, 110))
    wrong = 2 - taught.predict(box)[0]  # codes of the other class
    taught.paint(box, wrong.astype(np.uint8))
    before, shares = away_from(box, taught, picture), []
    monkeypatch.setattr(
        offers, "take", lambda one, take=offers.take: (shares.append(one.share), take(one))
    )
    list(taught.learn(steps=1))
    assert offers.correcting
    assert shares == [0.0]
    np.testing.assert_array_equal(away_from(box, taught, picture), before)
    right = (slice(20, 24), slice(90, 110))
    taught.paint(right, taught.predict(right)[0] + 1)
    list(taught.learn(steps=1))
    assert not offers.correcting
    assert shares[1] > 0
    assert taught.predict(everything)[0].shape == picture[1].shape


def test_a_change_waits_until_somebody_looks_but_not_for_ever(offers, taught, picture, monkeypatch):
    history = taught._history
    list(taught.learn(steps=10))
    viewed = history.view()
    assert history.last_viewed() is viewed
    monkeypatch.setattr(type(offers.references), "stride", lambda *_: 0.0)
    aim, before = history.last, len(history)
    for _ in range(UNSEEN):
        candidates = offers.of(aim, [], 0.5)
        assert not candidates.verdict.publish
        assert not candidates.whole, "more is to come"
        assert history.last_viewed() is viewed
    assert len(history) == before
    history.add(aim, viewed.with_beside(aim.beside))
    assert history.last_viewed() is history.scorer() is not viewed
    taught.predict((slice(0, 9), slice(0, 9)))
    history.add(aim, viewed)
    assert history.last_viewed() is not history.scorer()
    history.add(aim)
    assert history.last_viewed() is history.scorer(), "from elsewhere"
