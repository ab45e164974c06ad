"""Docks: they are tabs of one another, because below each other none would have room."""

from typing import Any

from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

PLUGIN = "napari-unet"


def open_dock(viewer: Any, name: str) -> Any:
    """Open the dock called ``name``, or bring it to the front; return what is in it."""
    dock, inside = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()
    return inside


def gather(frame: QWidget, kind: type[QWidget]) -> None:
    """Make the dock of ``frame`` a tab beside those docks that hold a ``kind``, and show it."""
    dock, window = _dock_of(frame), frame.window()
    if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
        return
    others = [
        other
        for other in window.findChildren(QDockWidget)
        if other is not dock and not other.isHidden() and other.findChild(kind) is not None
    ]
    here = [one for one in others if window.dockWidgetArea(one) == window.dockWidgetArea(dock)]
    docked = [one for one in here if not one.isFloating()]
    if docked and not window.tabifiedDockWidgets(dock):
        window.tabifyDockWidget(docked[-1], dock)
        dock.raise_()


def _dock_of(widget: QWidget) -> QDockWidget | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
