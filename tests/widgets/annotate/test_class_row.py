"""A row of the class list: what it shows, and what mouse and keyboard ask for."""

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.widgets.annotate.class_row import BalanceBar, ClassRow, ColorSquare, RowState

STATE = RowState(LabelClass("cell", "#e69f00"), "Q", "31 px", 0.25, "31 px, 25 %", False, "")


@pytest.fixture
def row(qtbot):
    made = ClassRow(2)
    qtbot.addWidget(made)
    made.told = []
    for name in ("chosen", "renamed", "recolouring", "removing"):
        getattr(made, name).connect(lambda *given, name=name: made.told.append((name, *given)))
    made.show_state(STATE)
    made.show()
    return made


def test_it_shows_name_key_amount_and_share(row):
    assert (row.name.text(), row.key.text(), row.amount.text()) == ("cell", "Q", "31 px")
    assert row.bar.share == 0.25
    assert row.square.color.name() == "#e69f00"
    assert row.accessibleName() == "Class cell, 31 px"
    assert "or key Q" in row.toolTip()
    assert not row.name.font().bold()
    row.show_state(replace(STATE, chosen=True, key=""))
    assert row.name.font().bold()
    assert "or key" not in row.toolTip()


def test_a_class_that_must_stay_says_why(row, qtbot):
    row.show_state(replace(STATE, removable="One class must be left"))
    assert not row.cross.isEnabled()
    assert row.cross.toolTip() == "One class must be left"
    qtbot.keyClick(row, Qt.Key.Key_Delete)
    assert row.told == []


def test_mouse_and_keyboard_do_the_same(row, qtbot):
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(row, left)
    qtbot.keyClick(row, Qt.Key.Key_Space)
    qtbot.mouseClick(row.square, left)
    qtbot.mouseClick(row.cross, left)
    qtbot.keyClick(row, Qt.Key.Key_Delete)
    assert row.told == [
        ("chosen", 2), ("chosen", 2), ("recolouring", 2), ("removing", 2), ("removing", 2)
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["double-click", "F2"])
def test_a_name_is_typed_or_left_as_it_was(row, qtbot, how):
    def begin():
        if how == "F2":
            qtbot.keyClick(row, Qt.Key.Key_F2)
        else:
            qtbot.mouseDClick(row, Qt.MouseButton.LeftButton)
        assert row.name.isHidden()
        assert row.edit.text() == "cell"

    begin()
    row.edit.setText("nucleus")
    row.edit.editingFinished.emit()
    assert ("renamed", 2, "nucleus") in row.told
    assert row.edit.isHidden()
    assert not row.name.isHidden()
    row.told.clear()
    begin()
    row.edit.setText("other")
    qtbot.keyClick(row, Qt.Key.Key_Escape)
    assert row.edit.isHidden()
    assert not any(name == "renamed" for name, *_ in row.told)


def pixels(widget):
    picture = widget.grab().toImage()
    return [
        picture.pixelColor(x, picture.height() // 2).name() for x in range(1, picture.width() - 1)
    ]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_bar_is_as_long_as_the_share(qtbot, share):
    bar = BalanceBar()
    qtbot.addWidget(bar)
    bar.resize(100, 12)
    bar.show_share(share, "#ff0000")
    filled = sum(color == "#ff0000" for color in pixels(bar))
    assert filled == pytest.approx(98 * share, abs=3)


def test_the_square_has_the_colour(qtbot):
    square = ColorSquare()
    qtbot.addWidget(square)
    square.set_color("#00ff00")
    colours = pixels(square)
    assert colours[len(colours) // 2] == "#00ff00"
