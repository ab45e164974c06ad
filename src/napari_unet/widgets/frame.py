"""Frame: what every dock is made of: a part that scrolls, a part that stays, and its session."""

from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_unet.widgets.colours import begin_to_prepare, prepared
from napari_unet.widgets.docks import bring_forward, gather, put_away
from napari_unet.widgets.job import dispatch
from napari_unet.widgets.keeping.keeper import Keeper
from napari_unet.widgets.keeping.offer import Offer
from napari_unet.widgets.layerchoice import LayerChoice
from napari_unet.widgets.layers import unwrapped
from napari_unet.widgets.say import warn_about_binding
from napari_unet.widgets.session import Session

WIDTH = 300, 340  # px: at least, and wished for
SOON, AFTER = 50, 400  # ms
HEIGHT = 240  # px, at least: Qt makes the window higher than the screen for what does not fit


class Frame(QWidget):
    """The base of a dock: fill ``body``, and ``foot`` with what must always be seen.

    napari calls ``reset_choices`` whenever layers are added, removed, moved or renamed; every
    LayerChoice inside the dock follows.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(viewer)
        self.session = Session.of(viewer)
        self._gathered = self._behind = self._away = False
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
        offer = Offer(Keeper.of(self.session))
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
        return not self._gathered or (self.isVisible() and not self._behind)

    def came_to_front(self) -> None:
        """Take up what has changed meanwhile; for docks that rest behind others."""

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Join the docks that are open, once; whoever then drags it elsewhere finds it there."""
        super().showEvent(event)
        if not self._gathered:
            self._gathered = True
            QTimer.singleShot(0, self._gather)  # napari is still placing the dock
        elif self._away:
            self._away = False
            QTimer.singleShot(0, self._come_forward)

    def _gather(self) -> None:
        dock = gather(self, Frame)
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
            self.came_to_front()

    def _come_forward(self) -> None:
        bring_forward(self)

    def reset_choices(self, event: Any = None) -> None:
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
