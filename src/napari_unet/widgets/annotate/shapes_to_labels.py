"""Points become discs and shapes become filled regions of an annotation layer.

Everything is written as one entry of the undo history, and never over an object that is painted.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from napari.layers import Labels, Layer, Points, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.annotation.drawing import discs, ellipse, within
from napari_unet.core.text import count
from napari_unet.widgets.annotate.class_editing import chosen_class
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import classes_of, code_of, value_of
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome

REGIONS = ("polygon", "rectangle", "ellipse")
FLAT = 0.5  # px; an outline nearer to a plane than this lies in the plane


class PaintedPixels(NamedTuple):
    """Pixels of a layer and their new values; plain arrays, which may cross threads."""

    places: np.ndarray  # (n, axes)
    values: np.ndarray  # (n,)


class Disc(NamedTuple):
    """Discs to draw: centres in pixels of the labels, sizes in pixels, and values."""

    shape: tuple[int, ...]
    points: np.ndarray  # (n, axes)
    radius: float
    ring: float
    value: int
    step: int  # from the value of a disc to that of the next: 1 where each is an object


def points_in(labels: Labels, points: Points, viewer: Viewer) -> np.ndarray:
    """Return ``points`` as pixels of ``labels``; points of fewer axes lie in the shown plane."""
    return _into(labels, points, np.asarray(points.data, float), viewer)


def disc_of(
    labels: Labels, points: np.ndarray, sizes: tuple[float, float], number: int, free: int
) -> Disc:
    """Return discs of class ``number``; if each value is an object, of values from ``free`` on."""
    instances = code_of(labels).instances
    value = max(free, value_of(labels, 1)) if instances else value_of(labels, number)
    return Disc(full_shape(labels), points, *sizes, value, int(instances))


def draw_discs(disc: Disc) -> tuple[PaintedPixels, np.ndarray]:
    """Return the pixels of the discs, and the places of the rings (n, axes); any thread."""
    places, values, rings = [], [], []
    shape = disc.shape
    for plane, chosen in _planes(np.rint(disc.points[:, :-2]).astype(int)):
        if not all(0 <= i < edge for i, edge in zip(plane, shape[:-2], strict=True)):
            continue
        drawn = discs((shape[-2], shape[-1]), disc.points[chosen, -2:], disc.radius, disc.ring)
        places.append(_in_plane(plane, drawn.pixels))
        values.append(disc.value + disc.step * chosen[drawn.owners])
        rings.append(_in_plane(plane, drawn.ring))
    nothing = np.zeros((0, len(shape)), np.int64)
    joined = np.concatenate([nothing, *places])
    return PaintedPixels(joined, np.concatenate([[], *values])), np.concatenate([nothing, *rings])


def write_discs(labels: Labels, pixels: PaintedPixels, rings: np.ndarray) -> int:
    """Paint discs, and label their rings as background; return how many pixels changed.

    Painted objects stay as they are. Without a value for unlabelled there are no rings.
    """
    background = code_of(labels).background
    changed = 0
    _check_room(labels, pixels.values)
    with labels.block_history():
        if background:
            changed += _write(labels, rings, np.zeros(len(rings)), (background,))
        changed += _write(labels, pixels.places, pixels.values, tuple({0, background}))
    return changed


def outlines_in(labels: Labels, shapes: Shapes, viewer: Viewer) -> list[np.ndarray]:
    """Return the closed shapes as corners (n, axes) in pixels of ``labels``; lines are left out."""
    kinds = zip(shapes.data, shapes.shape_type, strict=True)
    corners = [
        ellipse(np.asarray(data, float)) if kind == "ellipse" else np.asarray(data, float)
        for data, kind in kinds
        if kind in REGIONS
    ]
    return [_into(labels, shapes, outline, viewer) for outline in corners]


def fill_outlines(labels: Labels, outlines: list[np.ndarray]) -> int:
    """Label unlabelled pixels in ``outlines`` as background; return how many pixels changed."""
    places = [_inside(full_shape(labels), outline) for outline in outlines]
    joined = np.unique(np.concatenate([np.zeros((0, labels.ndim), np.int64), *places]), axis=0)
    with labels.block_history():
        return _write(labels, joined, np.full(len(joined), value_of(labels, 0)), (0,))


def _into(labels: Labels, layer: Layer, coordinates: np.ndarray, viewer: Viewer) -> np.ndarray:
    """Convert coordinates from the data of ``layer`` to the data of ``labels``."""
    world = np.array([layer.data_to_world(row) for row in coordinates]).reshape(-1, layer.ndim)
    missing = labels.ndim - world.shape[1]
    if missing > 0:
        shown = np.asarray(viewer.dims.point, float)[-labels.ndim :]
        world = np.hstack([np.broadcast_to(shown[:missing], (len(world), missing)), world])
    points = [labels.world_to_data(row[-labels.ndim :]) for row in world]
    return np.array(points, float).reshape(-1, labels.ndim)


def _planes(rest: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield each plane with the points in it; ``rest`` are the coordinates but the last two."""
    for plane in np.unique(rest, axis=0):
        yield tuple(int(i) for i in plane), np.flatnonzero((rest == plane).all(axis=1))


def _in_plane(plane: tuple[int, ...], pixels: np.ndarray) -> np.ndarray:
    return np.hstack([np.broadcast_to(plane, (len(pixels), len(plane))), pixels]).astype(np.int64)


def _inside(shape: tuple[int, ...], outline: np.ndarray) -> np.ndarray:
    """Return the pixels inside an outline that lies in a plane."""
    spread = np.ptp(outline, axis=0)
    across = np.sort(np.argsort(spread, kind="stable")[-2:])
    flat = np.setdiff1d(np.arange(len(shape)), across)
    if (spread[flat] > FLAT).any():
        raise ValueError(
            "an outline that is not in one plane encloses no pixels: draw it in a single plane"
        )
    fixed = np.rint(outline[0, flat]).astype(int)
    if any(not 0 <= i < shape[axis] for i, axis in zip(fixed, flat, strict=True)):
        return np.zeros((0, len(shape)), np.int64)
    pixels = within((shape[across[0]], shape[across[1]]), outline[:, across])
    places = np.zeros((len(pixels), len(shape)), np.int64)
    places[:, across], places[:, flat] = pixels, fixed
    return places


def _write(labels: Labels, places: np.ndarray, values: np.ndarray, over: tuple[int, ...]) -> int:
    """Write ``values`` where the layer has one of the values ``over``."""
    if not len(places):
        return 0
    indices = tuple(places.T)
    before = np.asarray(labels.data[indices])
    chosen = np.isin(before, over) & (before != values)
    if chosen.any():
        labels.data_setitem(
            tuple(axis[chosen] for axis in indices), values[chosen].astype(before.dtype)
        )
    return int(chosen.sum())


def _check_room(labels: Labels, values: np.ndarray) -> None:
    """Refuse values that the layer cannot hold, before anything is written."""
    limit, wanted = np.iinfo(labels.dtype).max, int(values.max(initial=0))
    if wanted > limit:
        raise ValueError(
            f"the largest value of '{labels.name}' is {limit} and {wanted} is needed: make a new "
            "annotation layer for objects (New ▸ for objects)"
        )


RADIUS, RING = 5.0, 3.0  # px, defaults


class ShapesToLabels(QWidget):
    """Turns a points or shapes layer into annotation; Ctrl+Z takes it back."""

    done = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._labels: Labels | None = None
        self._edits: UndoFollower | None = None
        self._latest = LatestRequest(session, parent=self)
        self._latest.answered.connect(self._write)
        self._latest.failed.connect(self._failed)
        self.choice = LayerChoice(viewer, (Points, Shapes), "Points or shapes")
        self.radius = _sizes(RADIUS, "Radius of the disc drawn around each point, in pixels")
        self.ring = _sizes(
            RING, "Width of the ring around each disc that is left unlabelled, in pixels"
        )
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.button = QPushButton()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._lay_out()
        self.choice.changed.connect(self.refresh)
        self.button.clicked.connect(self.draw)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("&Layer", self.choice)
        self.sizes = QWidget()
        line = QHBoxLayout(self.sizes)
        line.setContentsMargins(0, 0, 0, 0)
        for name, editor in (("Radius", self.radius), ("Ring", self.ring)):
            editor.setAccessibleName(f"{name} in pixels")
            line.addWidget(QLabel(name))
            line.addWidget(editor, 1)
        line.addWidget(QLabel("px"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 0, 0, 4)
        layout.setSpacing(3)
        layout.addLayout(form)
        for part in (self.about, self.sizes, self.button, self.message):
            layout.addWidget(part)
        self.message.hide()

    def set_layer(self, labels: Labels | None, edits: UndoFollower | None) -> None:
        """Write into ``labels`` from now on."""
        if self._edits is not None:
            self._edits.restyled.disconnect(self.refresh)
        self._latest.drop()
        self._labels, self._edits = labels, edits
        if edits is not None:
            edits.restyled.connect(self.refresh)
        self.message.hide()
        self.refresh()

    def refresh(self, layer: Layer | None = None) -> None:
        """Show what the button will do with the chosen layer."""
        layer, labels = self.choice.value(), self._labels
        points = isinstance(layer, Points)
        self.sizes.setVisible(points)
        self.button.setText("Make discs" if points else "Mark as fully labelled")
        why = self._why_not()
        self.button.setEnabled(not why)
        plain = "Written into the annotation as one step: Ctrl+Z takes it back"
        self.button.setToolTip(why or plain)
        if why or labels is None:
            self.about.setText(why)
        elif isinstance(layer, Points):
            name = classes_of(labels)[self._number()].name
            self.about.setText(
                f"A disc of '{name}' around each of {count(len(layer.data), 'point')}"
            )
        else:
            self.about.setText("What is unlabelled inside the shapes becomes background")

    def draw(self) -> None:
        """Draw discs for points, or fill shapes."""
        layer, labels, edits = self.choice.value(), self._labels, self._edits
        if labels is None or edits is None or self._why_not():
            return
        if isinstance(layer, Shapes):
            self._fill(labels, layer)
            return
        sizes = self.radius.value(), self.ring.value()
        points = points_in(labels, layer, self._viewer)
        free = int(labels.selected_label) + 1 if edits.free is None else edits.free
        self._latest.ask(draw_discs, disc_of(labels, points, sizes, self._number(), free))

    def _fill(self, labels: Labels, layer: Shapes) -> None:
        try:
            outlines = outlines_in(labels, layer, self._viewer)
            changed = fill_outlines(labels, outlines)
        except ValueError as error:
            self._show_message(f"{str(error)[0].upper()}{str(error)[1:]}.")
            return
        inside = f"{count(len(outlines), 'closed shape')}: {count(changed, 'pixel')}"
        self._show_message(f"{inside} became background in '{labels.name}'.")

    def _write(self, drawn: tuple[PaintedPixels, np.ndarray]) -> None:
        labels = self._labels
        if labels is None:
            return
        try:
            changed = write_discs(labels, *drawn)
        except (ValueError, IndexError) as error:
            self._show_message(messages.in_words(error))
            return
        self._show_message(f"{count(changed, 'pixel')} painted in '{labels.name}'.")

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self._show_message(messages.in_words(outcome.error))

    def _show_message(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.show()
        self.done.emit()

    def _number(self) -> int:
        """Return the class discs are made of: the chosen one, or the first."""
        assert self._labels is not None
        return chosen_class(self._labels) or 1

    def _why_not(self) -> str:
        layer = self.choice.value()
        if layer is None:
            return "Add a points or a shapes layer and set points or shapes in it"
        if self._labels is None:
            return "There is no annotation layer to write into"
        if not len(layer.data):
            return f"'{layer.name}' is empty"
        if isinstance(layer, Shapes) and not code_of(self._labels).background:
            return "0 is background in this annotation: every pixel of it is labelled"
        return ""


def _sizes(value: float, tooltip: str) -> QDoubleSpinBox:
    editor = QDoubleSpinBox()
    editor.setRange(0.0, 500.0)
    editor.setDecimals(1)
    editor.setValue(value)
    editor.setToolTip(tooltip)
    return editor
