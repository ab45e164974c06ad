"""A person at mouse and screen, in a real window: for pictures and for measuring."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
from napari.layers import Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtWidgets import QAbstractButton, QApplication, QWidget
from scipy import ndimage

from napari_unet.widgets.shared.dock import open_dock

SCREEN = 1366, 768  # px, a small laptop


class Hand:
    """Moves, presses and drags in the window of ``viewer``."""

    def __init__(self, viewer: "napari.Viewer") -> None:
        self.viewer = viewer
        self.window = viewer.window._qt_window
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.window.setGeometry(0, 0, *SCREEN)
        self.window.show()
        self.wait(0.5)

    def wait(self, seconds: float) -> None:
        """Let Qt work for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.002)

    def until(self, condition: Callable[[], Any], seconds: float = 300.0) -> None:
        """Let Qt work until ``condition`` holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("what was waited for did not come")
            self.wait(0.01)

    def opened(self, name: str) -> Any:
        """Open the dock called ``name``, or bring it to the front."""
        dock = open_dock(self.viewer, name)
        self.until(dock.isVisible)
        return dock

    def press(self, button: QAbstractButton) -> None:
        """Click, where that is possible."""
        self.until(button.isEnabled, 60)
        button.click()

    def stroke(self, layer: Labels, places: Sequence[tuple[float, float]]) -> None:
        """Drag through the pixels ``places``."""
        for event in events(layer, places):
            event()
        self.wait(0.001)

    def scribble(self, layer: Labels, part: np.ndarray, every: int, brush: int) -> None:
        """Fill ``part`` with strokes along its rows."""
        layer.brush_size = brush
        for row in np.flatnonzero(part.any(axis=1))[::every]:
            start, end = longest_run(part[row])
            self.stroke(layer, [(row, start), (row, (start + end) / 2), (row, end)])


def events(layer: Labels, places: Sequence[tuple[float, float]]) -> Iterator[Callable[[], None]]:
    """Give the press, the moves and the release of a stroke, to be sent one after the other."""
    yield partial(mouse_press_callbacks, layer, _event(layer, "mouse_press", places[0]))
    for place in places[1:]:
        yield partial(mouse_move_callbacks, layer, _event(layer, "mouse_move", place))
    yield partial(mouse_release_callbacks, layer, _event(layer, "mouse_release", places[-1]))


def _event(layer: Labels, kind: str, place: tuple[float, float]) -> Any:
    """Return what napari hands to the tools of a layer."""
    return ReadOnlyWrapper(
        SimpleNamespace(
            type=kind, is_dragging=kind == "mouse_move", button=1, modifiers=(), handled=False,
            position=tuple(layer.data_to_world(place)), pos=np.zeros(2), view_direction=None,
            dims_displayed=[0, 1], dims_point=[0, 0],
        )
    )  # fmt: skip


def longest_run(row: np.ndarray) -> tuple[int, int]:
    """Return first and last column of the longest run of True."""
    labels, _ = ndimage.label(row)
    columns = np.flatnonzero(labels == np.bincount(labels[labels > 0]).argmax())
    return int(columns[0]), int(columns[-1])


def button(dock: QWidget, text: str) -> QAbstractButton:
    """Return the button of ``dock`` that says ``text``."""
    return next(one for one in dock.findChildren(QAbstractButton) if one.text() == text)
