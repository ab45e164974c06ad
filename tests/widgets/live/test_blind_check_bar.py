"""Windows drawn at random are judged one after the other, each counted once."""

import pytest

from napari_unet.widgets.live.blind_check_bar import CheckBar
from napari_unet.workflows.teaching_events import Judged, Window

BOX = (slice(1, 2), slice(4, 20), slice(8, 24))


@pytest.fixture
def bar(room, qtbot):
    made = CheckBar()
    qtbot.addWidget(made)
    made.set_check(room.check)
    room.learned()
    return made


def verdicts(room):
    return [errand.keywords["right"] for errand in room.asked if hasattr(errand, "keywords")]


def test_windows_are_judged_and_counted_as_they_were(room, bar):
    assert bar.isHidden()
    room.check.start()
    assert room.names() == ["draw_window"]
    bar.right.click()  # no window is there yet
    bar.wrong.click()
    assert room.names() == ["draw_window"]
    room.answered.emit(Window(BOX))
    assert not bar.isHidden()
    assert bar.question.text() == "Window 1: is all in the frame right?"
    frame = room.viewer.layers["stack place"]
    assert frame.visible
    assert room.viewer.dims.point[0] == 1
    bar.right.click()
    assert room.names() == ["draw_window", "judge", "draw_window"]
    room.answered.emit(Window(BOX))
    bar.wrong.click()
    assert verdicts(room) == [True, False]
    assert bar.question.text().startswith("Window 2: correct what is wrong")
    assert bar.right.text() == "Next window  O"
    assert bar.wrong.isHidden()
    bar.wrong.click()
    bar.right.click()  # on to the next; the corrected one is counted already
    assert verdicts(room) == [True, False]
    assert room.names()[-1] == "draw_window"
    room.answered.emit(Judged(2, "1 of 2 windows"))
    assert room.check.result == "1 of 2 windows"
    bar.end.click()
    assert bar.isHidden()
    assert not frame.visible
    assert room.check.result == "1 of 2 windows", "what was counted stays"
    room.answered.emit(Window(BOX))  # too late
    assert not frame.visible


def test_another_teacher_counts_from_nothing(room, bar):
    room.check.start()
    room.answered.emit(Window(BOX))
    bar.right.click()
    room.answered.emit(Judged(1, "1 of 1 windows"))
    room.check.forget()
    assert (room.check.result, room.check.open) == ("", False)
    room.check.start()
    room.answered.emit(Window(BOX))
    assert bar.question.text().startswith("Window 1:")


def test_there_is_nothing_to_judge_without_a_preview(room, qtbot):
    room.check.start()
    assert (room.asked, room.check.open) == ([], False)


def test_a_bar_of_no_check_is_hidden(room, bar):
    room.check.start()
    bar.set_check(None)
    assert bar.isHidden()
    bar.right.click()
    bar.wrong.click()
    bar.end.click()
    assert room.check.open
