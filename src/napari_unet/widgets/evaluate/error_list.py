"""The errors of a result: their number by kind, steps from one to the next, and their layers.

There is one error layer for each result. It is used again for a new comparison. Outlines of truth
and result can be shown over the image.
"""

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from napari_unet.core.text import number
from napari_unet.widgets.evaluate.figures import ERRORS
from napari_unet.widgets.layers.layers import NOTES, like, look_at
from napari_unet.widgets.shared.session import Session

if TYPE_CHECKING:
    from napari_unet.core.evaluation import ErrorItem


COLUMNS = 3
SQUARE = 12  # px


class ErrorKinds(QWidget):
    """A button for each kind of error with colour, name and number; it shows or hides them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.buttons: list[QToolButton] = []
        for place, words in enumerate(ERRORS):
            button = QToolButton()
            button.setIconSize(QSize(SQUARE, SQUARE))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setCheckable(True)
            button.setChecked(True)
            button.setToolTip(f"{words.about}. Click to leave them out, or to show them again")
            button.setSizePolicy(
                button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed
            )
            button.toggled.connect(self._toggled)
            grid.addWidget(button, place // COLUMNS, place % COLUMNS)
            self.buttons.append(button)
        self.show_counts([0] * len(ERRORS))
        self._fill_squares()

    def wanted(self) -> frozenset[str]:
        """Return the names of the kinds that are shown."""
        pairs = zip(ERRORS, self.buttons, strict=True)
        return frozenset(words.name for words, button in pairs if button.isChecked())

    def show_counts(self, counts: list[int]) -> None:
        """Show how many there are of each kind."""
        for words, button, count in zip(ERRORS, self.buttons, counts, strict=True):
            button.setText(f"{words.name} {count}")
            button.setAccessibleName(f"{words.name}: {count} errors")

    def _toggled(self, on: bool) -> None:
        self._fill_squares()
        self.changed.emit()

    def _fill_squares(self) -> None:
        for words, button in zip(ERRORS, self.buttons, strict=True):
            button.setIcon(square(words.color, button.isChecked(), self.devicePixelRatioF()))


def square(color: str, filled: bool, ratio: float) -> QIcon:
    """Return a square of ``color``; one that is not filled has a thick rim."""
    picture = QPixmap(round(SQUARE * ratio), round(SQUARE * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(color) if filled else Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(QColor(128, 128, 128) if filled else QPen(QColor(color), 3))
    painter.drawRect(0, 0, SQUARE - 1, SQUARE - 1)
    painter.end()
    return QIcon(picture)


KEYS = ("Ctrl+Alt+Left", "Ctrl+Alt+Right")


class ErrorSteps(QWidget):
    """Two buttons that step through the errors, and a sentence on the present one."""

    stepped = Signal(object)  # ErrorItem

    def __init__(self) -> None:
        super().__init__()
        self._items: tuple[Any, ...] = ()
        self.place = -1  # index of the present error; -1 before the first step
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.back = self._button("◀", "Previous error", KEYS[0], self._back)
        self.on = self._button("▶", "Next error", KEYS[1], self._on)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.back, self.message, self.on):
            layout.addWidget(part, 1 if part is self.message else 0)

    def show_items(self, items: "Sequence[ErrorItem]") -> None:
        """Step through ``items`` from now on; the present error stays if it is among them."""
        before = self._items[self.place] if 0 <= self.place < len(self._items) else None
        self._items = tuple(items)
        self.place = -1
        if before is not None:
            self.place = next((n for n, i in enumerate(items) if same(i, before)), -1)
        self._show_place()

    def _button(self, text: str, about: str, keys: str, call: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAccessibleName(about)
        button.setProperty("about", f"{about} ({keys.replace('Left', '←').replace('Right', '→')})")
        button.setShortcut(keys)
        button.clicked.connect(call)
        return button

    def _back(self) -> None:
        self._go(self.place - 1 if self.place > 0 else len(self._items) - 1)

    def _on(self) -> None:
        self._go((self.place + 1) % len(self._items))

    def _go(self, place: int) -> None:
        self.place = place
        self._show_place()
        self.stepped.emit(self._items[place])

    def _show_place(self) -> None:
        count = len(self._items)
        for button in (self.back, self.on):
            button.setEnabled(count > 0)
            button.setToolTip(
                button.property("about") if count else "There is no error of the kinds shown"
            )
        self.message.setToolTip("")
        if self.place < 0:
            self.message.setText(_counted(count))
            return
        item = self._items[self.place]
        self.message.setText(f"{self.place + 1} of {count}: {in_words(item)}")
        self.message.setToolTip(_where(item))


def in_words(item: "ErrorItem") -> str:
    """Return a sentence on the kind, size and objects of an error."""
    size = f"{number(item.area)} px"
    if item.kind == "split":
        return f"split into {len(item.result)}, {size}"
    if item.kind == "merged":
        return f"{len(item.truth)} merged, {size}"
    if item.kind == "border":
        return f"border {item.distance:.0f} px off, {size}"
    return f"{item.kind}, {size}"


def same(one: "ErrorItem", other: "ErrorItem") -> bool:
    """Whether both are the same kind of error at the same place."""
    return one.kind == other.kind and one.box == other.box


def _where(item: "ErrorItem") -> str:
    parts = [f"{whose} object {_ids(ids)}" for whose, ids in
             (("true", item.truth), ("found", item.result)) if ids]  # fmt: skip
    place = ", ".join(f"{round(value)}" for value in item.centre)
    return f"{' and '.join(parts)} at pixel {place}; {item.area} px to correct"


def _ids(ids: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, ids[:6]))
    return shown + (" …" if len(ids) > 6 else "")


def _counted(count: int) -> str:
    if count < 2:
        return "1 error" if count else "No errors"
    return f"{count} errors, worst first"


KIND = "errors"
MARK = {NOTES: {"preview": True, KIND: True}}  # so that no dock offers it as labels
SHARE = 0.25  # least share of the canvas that the present error fills
CLOSEST = 12.0  # px of the screen for a pixel, at most


def is_errors(layer: Layer) -> bool:
    """Whether ``layer`` shows errors."""
    return bool(layer.metadata.get(NOTES, {}).get(KIND))


def show_errors(session: Session, result: Labels, labels: np.ndarray) -> Labels:
    """Show ``labels`` (kinds of errors, from 1) over ``result``; the selection stays."""
    layers = session.viewer.layers
    selected, active = set(layers.selection), layers.selection.active
    new = session.results.find(result, KIND) is None
    layer = session.results.show(
        Labels, result, KIND, labels.copy(), like(result), opacity=0.75, metadata=MARK
    )
    if new:
        names = ["no error", *(words.name for words in ERRORS)]
        layer.features = {"index": list(range(len(names))), "name": names}
        layers.selection = {one for one in selected if one in layers}
        layers.selection.active = active
    return layer


def show_kinds(layer: Labels, wanted: frozenset[str]) -> None:
    """Colour the kinds in ``wanted`` and make the others transparent."""
    colors: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for place, words in enumerate(ERRORS):
        colors[1 + place] = words.color if words.name in wanted else "transparent"
    layer.colormap = DirectLabelColormap(color_dict=colors)


def go_to(viewer: Viewer, layer: Labels, item: "ErrorItem") -> None:
    """Move the camera to an error, at a zoom at which all of it is visible."""
    look_at(viewer, layer, item.centre)
    shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    edges = [
        (item.box[axis][1] - item.box[axis][0]) * layer.scale[axis] for axis in shown if axis >= 0
    ]
    largest = max(edges, default=0.0)
    canvas = float(min(viewer.canvas.size))
    if largest <= 0 or canvas <= 0:
        return
    pixel = float(min(layer.scale[axis] for axis in shown if axis >= 0))
    zoom = viewer.scene.camera.zoom
    nearest, farthest = SHARE * canvas / largest, 0.8 * canvas / largest
    wanted = max(zoom, min(nearest, CLOSEST / pixel))
    viewer.scene.camera.zoom = min(wanted, max(farthest, 1e-9))


WIDTH = 2  # px


class ErrorOutlines:
    """Draws layers as outlines, and restores them later."""

    def __init__(self) -> None:
        self._before: weakref.WeakKeyDictionary[Labels, tuple[int, bool]] = (
            weakref.WeakKeyDictionary()
        )

    def draw(self, layers: Sequence[Labels]) -> None:
        """Draw ``layers`` as outlines, and restore all others."""
        for layer in set(self._before) - set(layers):
            self._give_back(layer)
        for layer in layers:
            if layer not in self._before:
                self._before[layer] = (layer.contour, layer.visible)
                layer.contour, layer.visible = WIDTH, True

    def _give_back(self, layer: Labels) -> None:
        contour, visible = self._before.pop(layer)
        if layer.contour == WIDTH:  # else a person changed it meanwhile
            layer.contour, layer.visible = contour, visible
