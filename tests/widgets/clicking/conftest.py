"""A person at mouse and keyboard: events go through Qt and napari's canvas, as real ones do."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

STEP = 6.0  # px of the screen between two moves of the mouse


class Hand:
    """Drags over the canvas of ``viewer`` and presses its keys."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.window = viewer.window._qt_window
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.window.resize(1366, 768)
        self.window.show()
        qtbot.waitExposed(self.window)
        qtbot.wait(50)

    def place(self, layer, point):
        """Return where on the canvas the data ``point`` (all axes of ``layer``) is."""
        shown = list(self.viewer.dims.displayed)
        world = np.zeros(self.viewer.dims.ndim)
        world[-layer.ndim :] = layer.data_to_world(point)
        camera = self.viewer.scene.camera
        middle = np.array([self.canvas.height(), self.canvas.width()]) / 2
        row, column = (world[shown] - np.array(camera.center[-2:])) * camera.zoom + middle
        return np.array([column, row])

    def drag(self, layer, points, button=Qt.MouseButton.LeftButton):
        """Press at the first of the data ``points``, move through the others, release."""
        corners = [self.place(layer, point) for point in points]
        self._move(corners[0])
        QTest.mousePress(self.canvas, button, Qt.KeyboardModifier.NoModifier, _pixel(corners[0]))
        for start, end in pairwise(corners):
            count = max(2, int(np.abs(end - start).max() / STEP))
            for share in np.linspace(0, 1, count + 1)[1:]:
                self._move(start + (end - start) * share)
        QTest.mouseRelease(self.canvas, button, Qt.KeyboardModifier.NoModifier, _pixel(corners[-1]))
        self.qtbot.wait(20)

    def key(self, key, modifiers=Qt.KeyboardModifier.NoModifier):
        """Press a key over the canvas."""
        self.canvas.setFocus()
        QTest.keyClick(self.canvas, key, modifiers)
        self.qtbot.wait(20)

    def click(self, widget):
        """Click the middle of a widget that can be seen."""
        assert widget.isVisible()
        assert widget.isEnabled(), widget.toolTip()
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        self.qtbot.wait(10)

    def _move(self, place):
        QTest.mouseMove(self.canvas, _pixel(place))
        self.qtbot.wait(2)


def _pixel(place):
    return QPoint(round(place[0]), round(place[1]))


@pytest.fixture
def hand(make_napari_viewer_proxy, qtbot):
    made = Hand(make_napari_viewer_proxy(show=True).__wrapped__, qtbot)
    yield made
    vars(made).clear()  # napari looks whether anything still holds the viewer
