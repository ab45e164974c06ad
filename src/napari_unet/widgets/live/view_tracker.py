"""Eye: what somebody looks at, told when camera and sliders have rested for a moment."""

import weakref
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.widgets.layers.coordinates import axes_of, region_from_layer
from napari_unet.widgets.layers.layers import view_centre, visible_region
from napari_unet.workflows.teaching_loop import VisibleRegion

REST = 80  # ms


class ViewTracker(QObject):
    """Watches a viewer; whoever drops it must let go of its events with ``close``."""

    moved = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self.moved)
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
        """Watch no more."""
        self._timer.stop()
        for event in self._events:
            event.disconnect(self._move)

    def look(self, image: Image, labels: Labels) -> VisibleRegion | None:
        """Return what is seen of ``labels``; None in 3-D and in planes that no network sees."""
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

    def _move(self, event: Any = None) -> None:
        self._timer.start()


def _edges(box: tuple[slice, ...], letters: str, seen: bool) -> list[int]:
    """Return the edges along axes that a network sees, or does not see."""
    return [
        part.stop - part.start
        for part, letter in zip(box, letters, strict=True)
        if (letter in "YX") == seen
    ]


def _near(
    viewer: Any, image: Image, labels: Labels, region: tuple[slice, ...]
) -> tuple[float, ...]:
    """Return where the mouse is over the canvas, else the middle of it."""
    point = labels.world_to_data(np.asarray(viewer.cursor.position)[-labels.ndim :])
    inside = all(
        part.start <= at < part.stop or part.stop - part.start == 1
        for part, at in zip(region, point, strict=True)
    )
    found = point if inside else view_centre(viewer, labels)
    spans = tuple(slice(float(at), float(at)) for at in found)
    return tuple(float(part.start) for part in region_from_layer(image, spans))
