"""The live part of the Annotate dock: what it says, and which button does what."""

import pytest
from napari.utils.notifications import notification_manager

from napari_unet.widgets.annotate.shortcuts import KEYS
from napari_unet.widgets.live import live_panel
from napari_unet.widgets.live.live_panel import LiveSection, status
from napari_unet.widgets.live.more_panel import NO_PREVIEW
from napari_unet.workflows.teaching_events import (
    Refused,
    StrokesPredicted,
    Suggested,
    SuggestedPlace,
    WorkingSizeChanged,
)


@pytest.fixture
def section(teaching, qtbot, monkeypatch):
    """Return the section, which finds the teaching that answers nothing."""
    monkeypatch.setattr(live_panel.LiveTeaching, "of", lambda session, image, labels: teaching)
    made = LiveSection(teaching.session)
    qtbot.addWidget(made)
    made.set_layers(teaching.image, teaching.labels)
    return made


def test_where_teaching_stands_in_one_sentence(teaching):
    assert status(None) == "Needs an image and its annotation layer."
    assert status(teaching) == "Getting ready …"
    teaching.learned(message="Settled")
    assert status(teaching) == "Settled · preview by Nano"
    teaching.live = False
    assert status(teaching) == "Off: J learns from the strokes once · preview by Nano"
    teaching.learned(message="x", strokes=0, by="")
    assert status(teaching) == "Off"
    teaching.busy = True
    assert status(teaching) == "x"
    teaching.problem = "No Z"
    assert status(teaching) == "No Z."


def test_it_follows_the_layer_and_its_keys_come_and_go(teaching, section):
    keys = {str(key) for key in teaching.labels.keymap}
    assert set(KEYS) <= keys
    assert section.switch.text() == "● on   G"
    section.switch.click()
    assert section.switch.text() == "○ off   G"
    assert not teaching.live
    teaching.viewer.layers.remove(teaching.labels)
    section.set_layers(None, None)
    assert not set(KEYS) & {str(key) for key in teaching.labels.keymap}
    assert not section.switch.isEnabled()
    assert section.status.text() == "Needs an image and its annotation layer."


def test_buttons_say_why_they_are_off_and_ask_once_they_are_on(teaching, section):
    for button in (section.confirm, section.undo):
        assert not button.isEnabled()
        assert button.toolTip() == NO_PREVIEW
    teaching.learned()
    section.undo.click()
    section.confirm.click()
    assert teaching.confirm.on
    assert section.confirm.isChecked()
    section.next.click()
    assert teaching.names() == ["undo_learning", "suggest"]
    place = SuggestedPlace((slice(0, 1), slice(2, 9), slice(2, 9)), "few strokes here")
    teaching.answered.emit(Suggested((place,)))
    assert section.place.text() == "Place 1 of 1: few strokes here"
    assert not section.place.isHidden()


def test_how_much_was_right_before_it_was_learned(teaching, section):
    assert section.bar.isHidden()
    teaching.learned(foreseen=StrokesPredicted(0.42, 7, "Of the last 7 strokes …"))
    assert (section.share.text(), section.bar.share) == ("42%", 0.42)
    assert section.share.toolTip() == "Of the last 7 strokes …"
    assert not section.bar.isHidden()


def test_a_better_working_size_is_offered_and_taken(teaching, section):
    assert section.better.isHidden()
    teaching.working_size = WorkingSizeChanged(1, 2, "Objects are large")
    teaching.changed.emit()
    assert section.better.text() == "Work at ½ size"
    section.better.click()
    assert teaching.asked[-1].keywords == {"factor": 2}


def test_a_refusal_is_told(teaching, section):
    count = len(notification_manager.records)
    teaching.answered.emit(Refused("There is nothing to undo"))
    assert str(notification_manager.records[count].message) == "There is nothing to undo"
