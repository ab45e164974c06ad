"""The brush that confirms the preview: it writes the preview's classes where nothing is painted.

One stroke is one entry of napari's undo history.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, Signal

from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.live.teaching_state import TeachingState

if TYPE_CHECKING:
    from napari._vispy.mouse_event import NapariMouseEvent


class ConfirmBrush(QObject):
    """Confirms under the brush until another tool is chosen or K is pressed again."""

    changed = Signal()

    def __init__(self, teaching: TeachingState) -> None:
        super().__init__(teaching)
        self.on = False
        self._teaching = teaching
        self._label = 0  # the label that was chosen before; while confirming it is 0

    def toggle(self) -> None:
        """Start or end confirming."""
        labels = self._teaching.labels
        if self.on:
            self.put_down()
        elif labels is not None and self._teaching.shown and not code_of(labels).instances:
            self._take_up(labels)

    def put_down(self, event: Event | None = None) -> None:
        """End confirming: napari's brush paints again, with its label of before or a new one."""
        labels = self._teaching.labels
        if not self.on:
            return
        self.on = False
        if labels is not None:
            labels.events.mode.disconnect(self._mode_changed)
            labels.events.selected_label.disconnect(self.put_down)
            labels.mouse_drag_callbacks.remove(self._drag)
            if not labels.selected_label:
                labels.selected_label = self._label
            if str(labels.mode) == "paint":
                labels.mode = "pan_zoom"
                labels.mode = "paint"
        self.changed.emit()

    def _take_up(self, labels: Labels) -> None:
        """Set the label to 0, so that choosing one sends an event, and handle the mouse."""
        labels.mode = "paint"
        self._label = int(labels.selected_label)
        labels.selected_label = 0
        self._take_mouse(labels)
        labels.mouse_drag_callbacks.append(self._drag)
        labels.events.mode.connect(self._mode_changed)
        labels.events.selected_label.connect(self.put_down)
        self.on = True
        self.changed.emit()

    def _take_mouse(self, labels: Labels) -> None:
        """Remove napari's own brush from the mouse callbacks; a change of mode adds it again."""
        draws = labels._drag_modes[labels._mode]
        if draws in labels.mouse_drag_callbacks:
            labels.mouse_drag_callbacks.remove(draws)

    def _mode_changed(self, event: Event | None = None) -> None:
        """Go on after the camera was moved; end when another tool was chosen."""
        labels = self._teaching.labels
        if labels is not None and str(labels.mode) == "paint":
            self._take_mouse(labels)
        elif labels is None or str(labels.mode) != "pan_zoom":
            self.put_down()

    def _drag(self, labels: Labels, event: "NapariMouseEvent") -> Iterator[None]:
        if event.button != 1 or str(labels.mode) != "paint":
            return
        axes = list(event.dims_displayed)[-2:]
        before = np.array(labels.world_to_data(event.position))
        with self._teaching.sender.confirming(), labels.block_history():
            self._confirm(labels, before, before, axes)
            yield
            while event.type == "mouse_move":
                now = np.array(labels.world_to_data(event.position))
                self._confirm(labels, before, now, axes)
                before = now
                yield

    def _confirm(self, labels: Labels, start: np.ndarray, end: np.ndarray, axes: list[int]) -> None:
        """Write the classes of the preview under the brush, where nothing is painted."""
        region, under = brushed(labels, start, end, axes)
        if not under.any():
            return
        codes = self._teaching.preview.answer(region)
        values = np.asarray(labels.data[region])
        chosen = under & (codes > 0) & (values == 0)
        if chosen.any():
            corner = [part.start for part in region]
            places = tuple(i + c for i, c in zip(np.nonzero(chosen), corner, strict=True))
            labels.data_setitem(places, codes[chosen].astype(labels.dtype))


def brushed(
    labels: Labels, start: np.ndarray, end: np.ndarray, axes: list[int]
) -> tuple[Box, np.ndarray]:
    """Return a box of the data and which of its pixels lie under a brush that moves."""
    shape = np.array(labels.data.shape)
    scale = np.abs(np.asarray(labels.scale, float))[axes]
    scale = scale / scale.min()
    radius = labels.brush_size // 2 + 0.5
    low, high = np.rint(start).astype(int), np.rint(end).astype(int)
    reach = np.zeros(len(shape), int)
    reach[axes] = np.ceil(radius / scale)
    corner = np.clip(np.minimum(low, high) - reach, 0, shape)
    stop = np.clip(np.maximum(low, high) + reach + 1, corner, shape)
    region = tuple(slice(int(a), int(b)) for a, b in zip(corner, stop, strict=True))
    grid = np.meshgrid(*(np.arange(region[a].start, region[a].stop) for a in axes), indexing="ij")
    points = np.stack(grid, -1) * scale
    distance = _distance(points, np.rint(start)[axes] * scale, np.rint(end)[axes] * scale)
    under = distance <= radius
    if axes != sorted(axes):
        under = under.T
    steps = [
        b - a if axis in axes else 1 for axis, (a, b) in enumerate(zip(corner, stop, strict=True))
    ]
    return region, np.broadcast_to(under.reshape(steps), stop - corner)


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the distance of each point (…, 2) to the line from ``start`` to ``end``."""
    along = end - start
    length = float(along @ along)
    share = (
        np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(points.shape[:-1])
    )
    return np.asarray(np.linalg.norm(points - (start + share[..., None] * along), axis=-1))
