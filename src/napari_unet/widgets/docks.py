"""Docks: they are tabs of one another, because below each other none would have room."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

PLUGIN = "napari-unet"


def open_dock(viewer: Any, name: str) -> Any:
    """Open the dock called ``name``, or bring it to the front; return what is in it."""
    dock, inside = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()
    return inside


def gather(frame: QWidget, kind: type[QWidget]) -> QDockWidget | None:
    """Make the dock of ``frame`` a tab beside those that hold a ``kind``; return it, if any."""
    dock, window = _dock_of(frame), frame.window()
    if dock is None:
        return None
    dock.setWindowTitle(dock.windowTitle().removesuffix(f" ({PLUGIN})"))  # there is room for five
    if isinstance(window, QMainWindow) and not dock.isFloating():
        others = [other for other in _docks_with(kind, window) if other is not dock]
        here = [one for one in others if window.dockWidgetArea(one) == window.dockWidgetArea(dock)]
        if here and not window.tabifiedDockWidgets(dock):
            window.tabifyDockWidget(here[-1], dock)
            dock.raise_()
    return dock


def bring_forward(frame: QWidget) -> None:
    """Show the dock of ``frame`` in front of the tabs beside it; not one that was taken out."""
    dock, window = _dock_of(frame), frame.window()
    if dock is None or not isinstance(window, QMainWindow) or not window.isVisible():
        return
    if dock.isFloating() or window.dockWidgetArea(dock) != Qt.DockWidgetArea.NoDockWidgetArea:
        dock.show()
        dock.raise_()


def put_away(frame: QWidget) -> bool:
    """Whether the dock of ``frame`` is hidden, rather than behind another tab."""
    dock = _dock_of(frame)
    return dock is not None and dock.isHidden()


def _docks_with(kind: type[QWidget], window: QMainWindow) -> list[QDockWidget]:
    return [
        dock
        for dock in window.findChildren(QDockWidget)
        if not (dock.isHidden() or dock.isFloating()) and dock.findChild(kind) is not None
    ]


def _dock_of(widget: QWidget) -> QDockWidget | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
