"""What a training begins with: settings of the session, a preset, and its time."""

from dataclasses import replace

from qtpy.QtWidgets import QStyle, QStyleOptionComboBox

from napari_unet.core.training.settings import TrainSettings

WAIT = 60_000  # ms; a busy machine


def test_settings_are_those_of_the_session(open_dock, cells, place, qtbot):
    place(open_dock.viewer, cells)
    dock = open_dock()
    qtbot.waitUntil(lambda: dock.session.settings.minutes > 0, timeout=WAIT)  # fitted to the device
    assert dock.start_form.preset.currentText() == "standard"
    changed = replace(dock.session.settings, sd=3.0)
    dock.session.settings = changed  # as Preview does
    assert dock.form.value() == changed
    assert dock.start_form.preset.currentText() == "changed"
    dock.start_form.preset.setCurrentText("small")
    dock.start_form.preset.activated.emit(dock.start_form.preset.currentIndex())
    assert dock.session.settings == TrainSettings.preset("small", minutes=changed.minutes)
    assert dock.start_form.preset.findText("changed") == -1
    box = dock.start_form.time
    shown = QStyleOptionComboBox()
    box.initStyleOption(shown)
    shown.rect.setSize(box.minimumSizeHint())
    parts = QStyle.ComplexControl.CC_ComboBox, shown, QStyle.SubControl.SC_ComboBoxEditField
    room = box.style().subControlRect(*parts, box).width()
    assert room >= box.fontMetrics().horizontalAdvance("1 000 steps"), "else it is cut off"
    dock.start_form.time.setCurrentIndex(dock.start_form.time.findData(2.0))
    dock.start_form.time.activated.emit(dock.start_form.time.currentIndex())
    assert dock.session.settings.minutes == 2.0
