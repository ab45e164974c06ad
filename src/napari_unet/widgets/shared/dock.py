"""The base class of all docks, sections that can be closed, and how docks are placed as tabs."""

from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.widgets.layers.label_classes import begin_to_prepare, prepared
from napari_unet.widgets.layers.layers import unwrapped
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.recovery.restore_bar import RestoreBar
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.messages import warn_about_binding
from napari_unet.widgets.shared.session import Session


class Section(QWidget):
    """A title with an arrow that opens and closes ``content``; works by keyboard.

    superqt's QCollapsible (0.9) keeps the height that the content had when it was opened, and cuts
    what is added or wrapped later.
    """

    def __init__(self, title: str, content: QWidget, opened: bool = False) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setToolTip(f"Show or hide: {title}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self.title.toggled.connect(self._toggle)
        self.title.setChecked(opened)
        self._toggle(opened)

    @property
    def opened(self) -> bool:
        """Whether the content is shown."""
        return bool(self.title.isChecked())

    def open(self, opened: bool = True) -> None:
        """Show the content, or hide it."""
        self.title.setChecked(opened)

    def _toggle(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.content.setVisible(opened)


def heading(text: str, *after: QWidget) -> QWidget:
    """Return a title with a line behind it, and then the widgets ``after`` it."""
    page, title, line = QWidget(), QLabel(text), QFrame()
    font = title.font()
    font.setBold(True)
    title.setFont(font)
    line.setFrameShape(QFrame.Shape.HLine)
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 6, 0, 0)
    layout.addWidget(title)
    layout.addWidget(line, 1)
    for widget in after:
        layout.addWidget(widget)
    return page


PLUGIN = "napari-unet"


def open_dock(viewer: Viewer, name: str) -> QWidget:
    """Open the dock called ``name``, or bring it to the front; return what is in it."""
    dock, inside = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()
    return inside


def join_docks(frame: QWidget, kind: type[QWidget]) -> QDockWidget | None:
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


WIDTH = 300, 340  # px: at least, and wished for
SOON, AFTER = 50, 400  # ms
HEIGHT = 240  # px, at least: Qt makes the window higher than the screen for what does not fit


class Dock(QWidget):
    """The base of a dock: fill ``body``, and ``foot`` with what must always be seen.

    napari calls ``reset_choices`` whenever layers are added, removed, moved or renamed; every
    LayerChoice inside the dock follows.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = unwrapped(viewer)
        self.session = Session.of(viewer)
        self._joined = self._behind = self._away = False
        page = QWidget()
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(160)  # docks below each other would squeeze it to nothing
        above = QVBoxLayout(page)
        above.setContentsMargins(6, 6, 4, 6)
        self.body = QVBoxLayout()
        above.addLayout(self.body)
        above.addStretch(1)  # an alignment would cut long sentences
        self.foot = QVBoxLayout()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        offer = RestoreBar(Autosave.of(self.session))
        outer.addWidget(offer)
        offer.refresh()
        outer.addWidget(scroll, 1)
        outer.addLayout(self.foot)
        self.setMinimumWidth(WIDTH[0])
        warn_about_binding()
        QTimer.singleShot(SOON, _prepare)  # it would slow down the making of the dock

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Leave the width of a window to the image."""
        return QSize(WIDTH[1], super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for less than all needs: what scrolls gives way first."""
        return QSize(WIDTH[0], HEIGHT)

    def in_front(self) -> bool:
        """Whether it is seen, or never was; Qt calls a tab behind others visible, too."""
        return not self._joined or (self.isVisible() and not self._behind)

    def refresh_when_shown(self) -> None:
        """Take up what has changed meanwhile; for docks that rest behind others."""

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Join the docks that are open, once; whoever then drags it elsewhere finds it there."""
        super().showEvent(event)
        if not self._joined:
            self._joined = True
            QTimer.singleShot(0, self._join)  # napari is still placing the dock
        elif self._away:
            self._away = False
            QTimer.singleShot(0, self._come_forward)

    def _join(self) -> None:
        dock = join_docks(self, Dock)
        if dock is not None:
            dock.visibilityChanged.connect(self._seen)
            self._seen(not self.visibleRegion().isEmpty())

    def _seen(self, seen: bool) -> None:
        """Note whether it is in front.

        napari's Plugins menu hides a dock that is open, and calls one behind another tab open: it
        comes to the front instead. One that is opened again comes to the front, too.
        """
        away = not seen and put_away(self)
        self._away = self._away or away
        if away and self._behind:
            QTimer.singleShot(0, self._come_forward)
        self._behind = not seen
        if seen:
            self.refresh_when_shown()

    def _come_forward(self) -> None:
        bring_forward(self)

    def reset_choices(self, event: Event | None = None) -> None:
        """Let the layer choices follow the layer list."""
        for choice in self.findChildren(LayerChoice):
            choice.reset_choices()


def _prepare() -> None:
    """Begin with what the docks will need, one after the other: threads slow the window down.

    Between the two an annotation layer is made, which takes the window a quarter of a second.
    """
    begin_to_prepare()
    if prepared():
        QTimer.singleShot(AFTER, dispatch().warm_up)
    else:
        QTimer.singleShot(SOON, _prepare)
