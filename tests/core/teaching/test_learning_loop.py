"""The loop learns until nothing is gained, tests at times, and publishes what is not worse."""

import time

import numpy as np
import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet import Teacher
from napari_unet.core.teaching import learning_loop
from napari_unet.core.teaching.learning_loop import (
    MOST,
    PLATEAU,
    STEPS_BETWEEN_TESTS,
    LearningProgress,
    PendingStrokes,
)
from napari_unet.core.teaching.stroke_agreement import Agreement
from napari_unet.core.teaching.strokes import Strokes


def everything(image):
    return tuple(slice(0, n) for n in image.shape[:2])


def agreement(teacher):
    """Mean over classes of the share of painted pixels that the network alone gets right."""
    whole = tuple(slice(0, n) for n in teacher._picture.shape)
    labels, _ = teacher.predict(whole)
    right = {}
    for stroke in teacher.strokes:
        found = labels[(*stroke.plane, *stroke.pixels.T)] == stroke.kind
        right.setdefault(stroke.kind, []).append(found)
    return np.mean([np.concatenate(found).mean() for found in right.values()])


class Operations(TorchDispatchMode):
    """Counts what torch is asked to do."""

    number = 0

    def __torch_dispatch__(self, call, types, args=(), kwargs=None):
        self.number += 1
        return call(*args, **(kwargs or {}))


def test_what_is_published_never_loses_more_than_a_point(picture, tools):
    image, truth = picture
    teacher = Teacher(image, seed=3)
    for seed in range(2):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    list(teacher.learn(steps=20))
    for seed in range(2, 5):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
        before = agreement(teacher)
        for published in teacher.learn(steps=30):
            if published.new:
                now = agreement(teacher)
                assert now == pytest.approx(published.agreement, abs=1e-6)
                assert now >= before - 0.01 - 1e-9
                before = max(before, now)


def test_it_stops_by_itself_and_wakes_when_painted(picture, tools, monkeypatch):
    monkeypatch.setattr(learning_loop, "PLATEAU", 40)
    image, truth = picture
    teacher = Teacher(image[:96, :96], seed=0)
    teacher.paint(*tools.stroke(truth[:96, :96], 0, 0))
    teacher.paint(*tools.stroke(truth[:96, :96], 1, 1))
    told = list(teacher.learn(steps=3000))
    assert teacher.settled
    assert told[-1].said == "Settled: waiting for you."
    with Operations() as counted:
        assert list(teacher.learn()) == []
    assert counted.number == 0
    teacher.paint(*tools.stroke(truth[:96, :96], 0, 5))
    assert not teacher.settled
    assert list(teacher.learn(steps=15))


def test_undo_of_learning_shows_what_was_shown_before(taught, picture, tools):
    image, truth = picture
    before = taught.predict(everything(image))[1]
    epoch = taught.epoch
    taught.paint(*tools.stroke(truth, 0, 40))
    assert [p for p in taught.learn(steps=60) if p.new]
    while len(taught._history) > 1 and not np.array_equal(
        before, taught.predict(everything(image))[1]
    ):
        back = taught.undo_learning()
        assert back.epoch > epoch, "late answers are told apart"
    np.testing.assert_array_equal(before, taught.predict(everything(image))[1])
    assert taught.settled
    assert list(taught.learn()) == []
    taught.paint(*tools.stroke(truth, 1, 41))
    assert not taught.settled


def test_an_exam_that_would_end_too_late_waits_for_the_next_slice(
    taught, picture, tools, monkeypatch
):
    """The clock is what the steps say: a step takes 1 s, one with an exam 5 s."""
    clock = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: clock[0])
    course, step = taught._course, taught._course.step
    seen = []

    def slow():
        looks = course.looks
        seen.append(looks)
        clock[0] += 5.0 if looks else 1.0
        return step()

    monkeypatch.setattr(course, "step", slow)
    for seed in (60, 61, 62):
        taught.paint(*tools.stroke(picture[1], seed % 2, seed))
        start = clock[0]
        list(taught.learn(seconds=12.0))
        assert clock[0] - start <= 12.0
    assert True in seen
    assert False in seen
    seen.clear()
    list(taught.learn(seconds=0.5))
    assert len(seen) == 1, "one that comes first in a slice is taken, however short that is"


def test_a_stroke_that_is_obeyed_without_help_has_no_spot_any_more(taught, picture, tools):
    taught.paint(*tools.stroke(picture[1], 1, 33))
    list(taught.learn(steps=1))
    assert len(taught._history.last.beside.areas) >= 1
    list(taught.learn(steps=120))
    assert not taught._course._unlearned.now()
    assert taught._history.last.beside.areas == ()


def progress_after(losses):
    progress = LearningProgress()
    for loss in losses:
        progress.note_loss(loss)
    return progress


def test_tests_come_more_rarely_the_longer_it_learns_and_the_more_they_cost():
    early = progress_after([1.0] * STEPS_BETWEEN_TESTS)
    assert early.test_due
    early.note_test(0.5, cells=1)
    assert early.next_test == 2 * STEPS_BETWEEN_TESTS
    late = progress_after([1.0] * 90)
    late.note_test(0.5, cells=1)
    assert late.next_test == 90 + 30  # a third of the steps so far
    late.note_test(0.5, cells=1, whole=False)
    assert late.next_test == 90 + STEPS_BETWEEN_TESTS
    late.note_test(0.5, cells=160)  # they take as long as 20 steps, …
    assert late.next_test == 90 + 80  # … which is a quarter of the time with 80 between them


@pytest.mark.parametrize(
    ("agreement", "loss", "whole", "goes_on"),
    [
        (0.5, 1.0, True, False),
        (0.6, 1.0, True, True),
        (0.5, 0.5, True, True),
        (0.5, 1.0, False, True),
    ],
)
def test_gain_in_agreement_or_loss_and_what_is_not_shown_yet_make_it_go_on(
    agreement, loss, whole, goes_on
):
    progress = progress_after([1.0] * 10)
    progress.note_test(0.5, cells=1)
    for _ in range(PLATEAU):
        progress.note_loss(loss)
    assert progress.settled
    progress.note_test(agreement, cells=1, whole=whole)
    assert progress.settled != goes_on


def test_the_step_before_a_test_is_known():
    progress = LearningProgress(next_test=3)
    seen = []
    for _ in range(3):
        seen.append(progress.test_next)
        progress.note_loss(1.0)
    assert seen == [False, False, True]
    assert progress.test_due


def test_pending_strokes_are_the_newest_ones_that_are_left_and_not_learned(tools, picture):
    strokes = Strokes(picture[1].shape)
    pending = PendingStrokes(strokes)
    for number in range(MOST + 2):
        box = (slice(3 * number, 3 * number + 2), slice(0, 9))
        strokes.paint((), box, np.zeros((2, 9), np.uint8))
        pending.add([list(strokes)[-1]])
    assert pending.now() == list(strokes)[-MOST:]
    gone, *left = pending.now()
    strokes.paint((), gone.box, np.full((2, 9), 255, np.uint8))
    assert pending.now() == left
    shares = {stroke: Agreement(0, 100 * (n > 0), 100) for n, stroke in enumerate(left)}
    pending.let_go(shares)
    assert pending.now() == left[:1]
    pending.forget()
    assert pending.now() == []
