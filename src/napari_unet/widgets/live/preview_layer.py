"""The layer that shows the preview below the annotation, and which part of it is in view.

The answer of the network is kept beside the layer. Where a stroke is erased or undone, the layer
shows that answer again, and the confirm brush reads it.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.annotation_layers import empty_labels
from napari_unet.widgets.layers.coordinates import axes_of, region_from_layer
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.layers.layers import NOTES, full_shape, like, view_centre, visible_region
from napari_unet.widgets.shared.layer_events import timer
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.teaching_loop import VisibleRegion
from napari_unet.workflows.teaching_requests import codes_of

KIND = "preview"
FILLED, CONTOUR = 0.35, 0.9  # opacity
WIDTH = 2  # px of the contour
AT_ONCE = 2**24  # px that are written in some hundredths of a second
MARK = {NOTES: {"preview": True}}  # so that no dock offers the layer as labels


class PreviewLayer:
    """The layer with the preview of ``labels`` on ``image``; made when there is something to show.

    It lies under the annotation, is never made the active layer and cannot be painted.
    """

    def __init__(self, session: Session, image: Image, labels: Labels) -> None:
        self.contour = False
        self._session = weakref.ref(session)
        self._image, self._labels = weakref.ref(image), weakref.ref(labels)
        self._answer: Any = None  # label codes of the network, without strokes
        self._colors: dict[int | None, str] = {}  # the colours that the layer has now

    @property
    def layer(self) -> Labels | None:
        """The layer, None if there is none."""
        session, image = self._session(), self._image()
        layer = None if session is None or image is None else session.results.find(image, KIND)
        return layer if isinstance(layer, Labels) and self._answer is not None else None

    def answer(self, region: Box) -> np.ndarray:
        """Return the network codes in ``region`` of the labels; 0 where none were computed."""
        if self._answer is None:
            return np.zeros([part.stop - part.start for part in region], np.uint8)
        return np.asarray(self._answer[region])

    def write(self, region: Box, codes: np.ndarray) -> None:
        """Store the codes of the network for ``region``; ``show`` draws them."""
        if self._layer_to_write() is not None:
            self._answer[region] = codes
            self._compose(region)

    def repaint(self, region: Box) -> None:
        """Show the strokes of ``region`` as they are now."""
        if self.layer is not None:
            self._compose(region)
            self.show()

    def repaint_all(self) -> None:
        """Show all strokes as they are now, if the image is small; else new tiles bring them."""
        labels = self._labels()
        if labels is not None and prod(full_shape(labels)) <= AT_ONCE:
            self.repaint(tuple(slice(0, edge) for edge in full_shape(labels)))

    def show(self) -> None:
        """Draw the layer with what was written."""
        layer = self.layer
        if layer is not None:
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def restyle(self) -> None:
        """Use the present colours of the classes, and contours if they are wanted."""
        layer, labels = self.layer, self._labels()
        if layer is None or labels is None:
            return
        shown: dict[int | None, str] = {None: "transparent", 0: "transparent", 1: "transparent"}
        shown |= {place + 1: entry.color for place, entry in enumerate(classes_of(labels)) if place}
        if shown != self._colors:
            self._colors = shown
            layer.colormap = DirectLabelColormap(color_dict=shown)
        contour = WIDTH if self.contour else 0
        if layer.contour != contour:
            layer.contour = contour
            layer.opacity = CONTOUR if self.contour else FILLED

    def remove(self) -> None:
        """Remove the layer: the network that it showed is gone."""
        session, layer = self._session(), self.layer
        self._answer = None
        if session is not None and layer is not None and session.viewer is not None:
            with undisturbed(session.viewer):
                session.viewer.layers.remove(layer)

    def _compose(self, region: Box) -> None:
        """Write the codes of the network and over them the strokes, which always count as right."""
        layer, labels = self.layer, self._labels()
        if layer is not None and labels is not None:
            painted = codes_of(np.asarray(labels.data[region]), code_of(labels))
            layer.data[region] = np.where(painted > 0, painted, self.answer(region))

    def _layer_to_write(self) -> Labels | None:
        existing = self.layer
        if existing is not None:
            return existing
        session, image, labels = self._session(), self._image(), self._labels()
        if session is None or session.viewer is None or image is None or labels is None:
            return None
        if labels not in session.viewer.layers:
            return None
        shape = full_shape(labels)
        if self._answer is None:
            self._answer = empty_labels(shape, "uint8")
        with undisturbed(session.viewer):
            layer = self._make(session, image, labels, shape)
        self._colors = {}
        self.restyle()
        self.repaint_all()
        return layer

    def _make(
        self, session: Session, image: Image, labels: Labels, shape: tuple[int, ...]
    ) -> Labels:
        layer = session.results.show(
            Labels,
            image,
            KIND,
            empty_labels(shape, "uint8"),
            like(labels),
            opacity=FILLED,
            metadata=MARK,
        )
        layer.editable = False
        layers = session.viewer.layers
        layers.move(layers.index(layer), layers.index(labels))
        return layer


@contextmanager
def undisturbed(viewer: Viewer) -> Iterator[None]:
    """Within, adding and removing layers does not change the selection."""
    selection = viewer.layers.selection
    chosen, active = set(selection), selection.active
    try:
        yield
    finally:
        viewer.layers.selection = {layer for layer in chosen if layer in viewer.layers}
        if active in viewer.layers:
            viewer.layers.selection.active = active


REST = 80  # ms without a move before the view is reported


class ViewTracker(QObject):
    """Reports which part of the labels a viewer shows; its owner must call ``close``."""

    moved = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._timer = timer(self, REST, self.moved)
        self._events = (
            viewer.scene.camera.events,
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            viewer.canvas.events.size,
        )
        for event in self._events:
            event.connect(self._move)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._timer.stop()
        for event in self._events:
            event.disconnect(self._move)

    def region(self, image: Image, labels: Labels) -> VisibleRegion | None:
        """Return the visible part of ``labels``; None in 3-D and across planes of the network."""
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay == 3 or labels not in viewer.layers:
            return None
        region = visible_region(viewer, labels)
        if min(part.stop - part.start for part in region) < 1:
            return None
        box = region_from_layer(image, region)
        letters = axes_of(image).replace("C", "")
        if max(_edges(box, letters, seen=False), default=1) > 1:
            return None
        return VisibleRegion(box, _near(viewer, image, labels, region))

    def _move(self, event: Event | None = None) -> None:
        self._timer.start()


def _edges(box: tuple[slice, ...], letters: str, seen: bool) -> list[int]:
    """Return the lengths of ``box`` along the axes Y and X (``seen``), or along the others."""
    return [
        part.stop - part.start
        for part, letter in zip(box, letters, strict=True)
        if (letter in "YX") == seen
    ]


def _near(
    viewer: Viewer, image: Image, labels: Labels, region: tuple[slice, ...]
) -> tuple[float, ...]:
    """Return the place under the mouse, or the middle of the canvas if it is elsewhere."""
    point = labels.world_to_data(np.asarray(viewer.cursor.position)[-labels.ndim :])
    inside = all(
        part.start <= at < part.stop or part.stop - part.start == 1
        for part, at in zip(region, point, strict=True)
    )
    place = point if inside else view_centre(viewer, labels)
    spans = tuple(slice(float(at), float(at)) for at in place)
    return tuple(float(part.start) for part in region_from_layer(image, spans))
