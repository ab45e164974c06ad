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
def section(room, qtbot, monkeypatch):
    """Return the section, which finds the room that answers nothing."""
    monkeypatch.setattr(live_panel.LiveTeaching, "of", lambda session, image, labels: room)
    made = LiveSection(room.session)
    qtbot.addWidget(made)
    made.set_layers(room.image, room.labels)
    return made


def test_where_teaching_stands_in_one_sentence(room):
    assert status(None) == "Needs an image and its annotation layer."
    assert status(room) == "Getting ready …"
    room.learned(said="Settled")
    assert status(room) == "Settled · preview by Nano"
    room.live = False
    assert status(room) == "Off: J learns from the strokes once · preview by Nano"
    room.learned(said="x", strokes=0, by="")
    assert status(room) == "Off"
    room.busy = True
    assert status(room) == "x"
    room.problem = "No Z"
    assert status(room) == "No Z."


def test_it_follows_the_layer_and_its_keys_come_and_go(room, section):
    keys = {str(key) for key in room.labels.keymap}
    assert set(KEYS) <= keys
    assert section.switch.text() == "● on   G"
    section.switch.click()
    assert section.switch.text() == "○ off   G"
    assert not room.live
    room.viewer.layers.remove(room.labels)
    section.set_layers(None, None)
    assert not set(KEYS) & {str(key) for key in room.labels.keymap}
    assert not section.switch.isEnabled()
    assert section.status.text() == "Needs an image and its annotation layer."


def test_buttons_say_why_they_are_off_and_ask_once_they_are_on(room, section):
    for button in (section.confirm, section.undo):
        assert not button.isEnabled()
        assert button.toolTip() == NO_PREVIEW
    room.learned()
    section.undo.click()
    section.confirm.click()
    assert room.confirm.on
    assert section.confirm.isChecked()
    section.next.click()
    assert room.names() == ["undo_learning", "suggest"]
    place = SuggestedPlace((slice(0, 1), slice(2, 9), slice(2, 9)), "few strokes here")
    room.answered.emit(Suggested((place,)))
    assert section.place.text() == "Place 1 of 1: few strokes here"
    assert not section.place.isHidden()


def test_how_much_was_right_before_it_was_learned(room, section):
    assert section.bar.isHidden()
    room.learned(foreseen=StrokesPredicted(0.42, 7, "Of the last 7 strokes …"))
    assert (section.share.text(), section.bar.share) == ("42%", 0.42)
    assert section.share.toolTip() == "Of the last 7 strokes …"
    assert not section.bar.isHidden()


def test_a_better_working_size_is_offered_and_taken(room, section):
    assert section.better.isHidden()
    room.sized = WorkingSizeChanged(1, 2, "Objects are large")
    room.changed.emit()
    assert section.better.text() == "Work at ½ size"
    section.better.click()
    assert room.asked[-1].keywords == {"factor": 2}


def test_a_refusal_is_told(room, section):
    count = len(notification_manager.records)
    room.answered.emit(Refused("There is nothing to undo"))
    assert str(notification_manager.records[count].message) == "There is nothing to undo"
