"""What is wanted now and then while teaching live is asked for, and answers are carried out."""

import numpy as np
import pytest

from napari_unet.widgets.live.more_panel import NO_PREVIEW, UNCHECKED, MorePage, learned_from
from napari_unet.workflows.teaching_events import (
    NetworkCopied,
    Unconfirmed,
    WorkingSizeChanged,
)


@pytest.fixture
def page(room, qtbot):
    made = MorePage(room.session)
    qtbot.addWidget(made)
    made.set_room(room)
    made.refresh()
    return made


def test_what_needs_a_preview_is_off_until_there_is_one(room, page):
    needing = (page.check, page.unconfirm, page.over, page.finish)
    assert learned_from(room) == NO_PREVIEW
    assert not any(button.isEnabled() for button in needing)
    assert page.once.isEnabled()
    room.learned()
    page.refresh()
    assert learned_from(room) == ""
    assert all(button.isEnabled() for button in needing)
    room.problem = "Live needs unlabelled pixels"
    page.refresh()
    assert not page.once.isEnabled()
    assert not page.size.isEnabled()


def test_each_button_asks_for_its_own(room, page):
    room.learned()
    page.refresh()
    page.once.click()
    page.size.setCurrentIndex(2)
    page.size.activated.emit(2)
    page.check.click()
    page.unconfirm.click()
    assert room.names() == ["once", "work_at", "draw_window", "remove_confirmed"]
    assert room.asked[1].keywords == {"factor": 4}
    page.look.activated.emit(1)
    assert room.preview.contour


def test_the_page_shows_what_is_so(room, page):
    assert page.result.text() == UNCHECKED
    room.sized = WorkingSizeChanged(2)
    room.check.result = "3 of 4 windows"
    room.preview.contour = True
    page.refresh()
    assert page.size.currentData() == 2
    assert page.result.text() == "3 of 4 windows"
    assert page.look.currentText() == "contours"
    assert room.asked == [], "showing is not asking"


def test_confirmed_pixels_become_unlabelled_as_one_edit(room, page):
    room.labels.data_setitem((np.array([0, 1]), np.array([2, 3]), np.array([4, 5])), 2)
    before = room.labels.data.copy()
    room.answered.emit(Unconfirmed((np.array([1, 0]), np.array([3, 9]), np.array([5, 9]))))
    assert np.argwhere(room.labels.data).tolist() == [[0, 2, 4]]
    room.labels.undo()
    np.testing.assert_array_equal(room.labels.data, before)


def test_the_network_that_is_handed_over_has_a_name_of_its_own(room, page):
    names = []
    page.finished.connect(names.append)
    room.learned()
    page.refresh()
    page.finish.click()
    assert not page.finish.isEnabled()
    (errand,) = room.asked
    assert [name for name, _ in errand.keywords["classes"]] == ["background", "object"]
    network = object()
    for _ in range(2):
        room.answered.emit(NetworkCopied(network, "nano", ""))
    assert len(set(names)) == 2
    assert all(name.startswith("stack live") for name in names)
    assert room.session.networks[names[0]].network is network


def test_a_page_of_nobody_does_nothing(room, page):
    page.set_room(None)
    page.refresh()
    for button in (page.once, page.check, page.unconfirm, page.over, page.finish):
        button.setEnabled(True)
        button.click()
    page.work_at(2)
    assert room.asked == []
