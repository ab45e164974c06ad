"""Windows drawn at random are judged one after the other, each counted once."""

import pytest

from napari_unet.widgets.live.blind_check_bar import CheckBar
from napari_unet.workflows.teaching_events import Judged, Window

BOX = (slice(1, 2), slice(4, 20), slice(8, 24))


@pytest.fixture
def bar(teaching, qtbot):
    made = CheckBar()
    qtbot.addWidget(made)
    made.set_check(teaching.check)
    teaching.learned()
    return made


def verdicts(teaching):
    return [request.keywords["right"] for request in teaching.asked if hasattr(request, "keywords")]


def test_windows_are_judged_and_counted_as_they_were(teaching, bar):
    assert bar.isHidden()
    teaching.check.start()
    assert teaching.names() == ["draw_window"]
    bar.right.click()  # no window is there yet
    bar.wrong.click()
    assert teaching.names() == ["draw_window"]
    teaching.answered.emit(Window(BOX))
    assert not bar.isHidden()
    assert bar.question.text() == "Window 1: is all in the frame right?"
    frame = teaching.viewer.layers["stack place"]
    assert frame.visible
    assert teaching.viewer.dims.point[0] == 1
    bar.right.click()
    assert teaching.names() == ["draw_window", "judge", "draw_window"]
    teaching.answered.emit(Window(BOX))
    bar.wrong.click()
    assert verdicts(teaching) == [True, False]
    assert bar.question.text().startswith("Window 2: correct what is wrong")
    assert bar.right.text() == "Next window  O"
    assert bar.wrong.isHidden()
    bar.wrong.click()
    bar.right.click()  # on to the next; the corrected one is counted already
    assert verdicts(teaching) == [True, False]
    assert teaching.names()[-1] == "draw_window"
    teaching.answered.emit(Judged(2, "1 of 2 windows"))
    assert teaching.check.result == "1 of 2 windows"
    bar.end.click()
    assert bar.isHidden()
    assert not frame.visible
    assert teaching.check.result == "1 of 2 windows", "what was counted stays"
    teaching.answered.emit(Window(BOX))  # too late
    assert not frame.visible


def test_another_teacher_counts_from_nothing(teaching, bar):
    teaching.check.start()
    teaching.answered.emit(Window(BOX))
    bar.right.click()
    teaching.answered.emit(Judged(1, "1 of 1 windows"))
    teaching.check.forget()
    assert (teaching.check.result, teaching.check.open) == ("", False)
    teaching.check.start()
    teaching.answered.emit(Window(BOX))
    assert bar.question.text().startswith("Window 1:")


def test_there_is_nothing_to_judge_without_a_preview(teaching, qtbot):
    teaching.check.start()
    assert (teaching.asked, teaching.check.open) == ([], False)


def test_a_bar_of_no_check_is_hidden(teaching, bar):
    teaching.check.start()
    bar.set_check(None)
    assert bar.isHidden()
    bar.right.click()
    bar.wrong.click()
    bar.end.click()
    assert teaching.check.open
