import numpy as np
import pytest

from napari_unet.core.teaching.candidates import NeverWorseGate
from napari_unet.core.teaching.stroke_agreement import Agreement, balanced
from napari_unet.core.teaching.strokes import Stroke


def stroke(number, kind=0):
    return Stroke(number, kind, (), np.zeros((1, 2), np.int32))


OLD, OTHER, NEW = stroke(1), stroke(2, 1), stroke(3)


def agreements(old, other, new):
    shares = {OLD: old, OTHER: other, NEW: new}
    return {s: Agreement(s.kind, round(100 * share), 100) for s, share in shares.items()}


def test_agreement_counts_each_class_as_much():
    found = {OLD: Agreement(0, 900, 1000), OTHER: Agreement(1, 5, 10)}
    assert balanced(found) == pytest.approx(0.7)


def test_agreement_counts_confirmed_pixels_half():
    found = {OLD: Agreement(0, 10, 10), NEW: Agreement(0, 0, 10, 0.5), OTHER: Agreement(1, 10, 10)}
    assert balanced(found) == pytest.approx((10 / 15 + 1) / 2)


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
