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
def page(teaching, qtbot):
    made = MorePage(teaching.session)
    qtbot.addWidget(made)
    made.set_teaching(teaching)
    made.refresh()
    return made


def test_what_needs_a_preview_is_off_until_there_is_one(teaching, page):
    needing = (page.check, page.unconfirm, page.over, page.finish)
    assert learned_from(teaching) == NO_PREVIEW
    assert not any(button.isEnabled() for button in needing)
    assert page.once.isEnabled()
    teaching.learned()
    page.refresh()
    assert learned_from(teaching) == ""
    assert all(button.isEnabled() for button in needing)
    teaching.problem = "Live needs unlabelled pixels"
    page.refresh()
    assert not page.once.isEnabled()
    assert not page.size.isEnabled()


def test_each_button_asks_for_its_own(teaching, page):
    teaching.learned()
    page.refresh()
    page.once.click()
    page.size.setCurrentIndex(2)
    page.size.activated.emit(2)
    page.check.click()
    page.unconfirm.click()
    assert teaching.names() == ["once", "work_at", "draw_window", "remove_confirmed"]
    assert teaching.asked[1].keywords == {"factor": 4}
    page.style.activated.emit(1)
    assert teaching.preview.contour


def test_the_page_shows_what_is_so(teaching, page):
    assert page.result.text() == UNCHECKED
    teaching.working_size = WorkingSizeChanged(2)
    teaching.check.result = "3 of 4 windows"
    teaching.preview.contour = True
    page.refresh()
    assert page.size.currentData() == 2
    assert page.result.text() == "3 of 4 windows"
    assert page.style.currentText() == "contours"
    assert teaching.asked == [], "showing is not asking"


def test_confirmed_pixels_become_unlabelled_as_one_edit(teaching, page):
    teaching.labels.data_setitem((np.array([0, 1]), np.array([2, 3]), np.array([4, 5])), 2)
    before = teaching.labels.data.copy()
    teaching.answered.emit(Unconfirmed((np.array([1, 0]), np.array([3, 9]), np.array([5, 9]))))
    assert np.argwhere(teaching.labels.data).tolist() == [[0, 2, 4]]
    teaching.labels.undo()
    np.testing.assert_array_equal(teaching.labels.data, before)


def test_the_network_that_is_handed_over_has_a_name_of_its_own(teaching, page):
    names = []
    page.finished.connect(names.append)
    teaching.learned()
    page.refresh()
    page.finish.click()
    assert not page.finish.isEnabled()
    (request,) = teaching.asked
    assert [name for name, _ in request.keywords["classes"]] == ["background", "object"]
    network = object()
    for _ in range(2):
        teaching.answered.emit(NetworkCopied(network, "nano", ""))
    assert len(set(names)) == 2
    assert all(name.startswith("stack live") for name in names)
    assert teaching.session.networks[names[0]].network is network


def test_a_page_of_nobody_does_nothing(teaching, page):
    page.set_teaching(None)
    page.refresh()
    for button in (page.once, page.check, page.unconfirm, page.over, page.finish):
        button.setEnabled(True)
        button.click()
    page.work_at(2)
    assert teaching.asked == []
