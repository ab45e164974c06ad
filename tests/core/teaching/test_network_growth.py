import numpy as np
import pytest

from napari_unet import Teacher
from napari_unet.core.teaching import network_growth
from napari_unet.core.teaching.network_growth import held_back
from napari_unet.core.teaching.strokes import Stroke


def strokes_of(kinds):
    pixel = np.zeros((1, 2), np.int32)
    return [Stroke(number, kind, (), pixel) for number, kind in enumerate(kinds, start=1)]


def test_every_fourth_stroke_of_each_class_is_held_back():
    assert held_back(strokes_of([0, 1] * 4)) == {7, 8}
    assert held_back(strokes_of([0] * 9 + [1] * 3)) == {4, 8}


@pytest.fixture
def settled(picture, tools, monkeypatch):
    """A teacher with eight strokes that has settled on the smallest network."""
    monkeypatch.setattr(network_growth, "STEPS", 4)
    image, truth = picture
    teacher = Teacher(image, seed=0)
    for seed in range(8):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    list(teacher.learn(steps=20))
    teacher._course._progress._stale = 10_000
    return teacher


def test_a_larger_network_that_does_not_win_is_not_shown(settled, monkeypatch):
    monkeypatch.setattr(network_growth, "WIN", 1.0)
    epoch = settled.epoch
    assert not settled.settled
    list(settled.learn())
    assert settled.settled
    assert settled.epoch == epoch
    assert settled.shown.by == "nano"


def test_a_larger_network_that_wins_learns_all_strokes_and_takes_over(settled, monkeypatch):
    monkeypatch.setattr(network_growth, "WIN", -2.0)
    before = settled.shown
    told = list(settled.learn(steps=4))
    assert "small" in told[-1].said
    assert not told[-1].new
    assert settled.shown is before
    told = list(settled.learn(steps=15))
    grown = [p for p in told if p.new]
    if grown:  # it passed the gate
        assert grown[-1].by == "small" == settled.shown.by
        assert grown[-1].agreement >= before.agreement - 0.01
        for _ in grown:
            back = settled.undo_learning()
        assert back.by == "nano"
        assert settled.network().base == 12
    else:
        assert settled.shown.by == "nano"
