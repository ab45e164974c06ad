"""Layers that the plugin makes for results; each is used again for the next result of its kind.

napari keeps removed layers in memory, so a layer gets new data instead of being replaced. Only
layers made here are written to. A layer that somebody has painted in keeps its pixels, and the
next result gets a layer of its own.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from napari.layers import Labels, Layer, Vectors
from napari.utils.events import Event
from napari.viewer import Viewer
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Pixels
from napari_unet.widgets.layers.layers import GEOMETRY, replace_data

Wanted = TypeVar("Wanted", bound=Layer)


class PluginLayer:
    """A layer made by the plugin, and whether a person has changed it since."""

    def __init__(self, layer: Layer) -> None:
        self.layer = weakref.ref(layer)
        self.touched = False
        self._writing = False
        layer.events.data.connect(self._touch)
        if isinstance(layer, Labels):
            layer.events.paint.connect(self._touch)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within, changes of the layer do not count as changes by a person."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _touch(self, event: Event) -> None:
        self.touched = self.touched or not self._writing


class ResultLayers:
    """The result layers of a viewer: of an image, of a kind such as 'segmented'."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._made: weakref.WeakKeyDictionary[Layer, dict[str, PluginLayer]] = (
            weakref.WeakKeyDictionary()
        )

    def find(self, image: Layer, kind: str) -> Layer | None:
        """Return the layer that the next result of ``kind`` will be written to, if any."""
        viewer, made = self._viewer(), self._made.get(image, {}).get(kind)
        layer = made.layer() if made is not None and not made.touched else None
        there = viewer is not None and any(layer is other for other in viewer.layers)
        return layer if there else None

    def touched(self, layer: Layer) -> bool:
        """Whether ``layer`` was made here and changed by a person since."""
        return any(
            made.touched and made.layer() is layer
            for kinds in self._made.values()
            for made in kinds.values()
        )

    def touch(self, layer: Layer) -> None:
        """Mark ``layer`` as changed by a person, so that it is not written to again."""
        for kinds in self._made.values():
            for made in kinds.values():
                made.touched = made.touched or made.layer() is layer

    def show(
        self,
        kind_of: type[Wanted],
        image: Layer,
        kind: str,
        data: Pixels,
        geometry: dict[str, Any],
        **display: Any,
    ) -> Wanted:
        """Show ``data`` as the labels, image or vectors of this ``kind``.

        ``display`` is for a layer that is new.
        """
        options = {**display, **geometry}
        existing = self.find(image, kind)
        if isinstance(existing, kind_of) and existing.ndim == _axes(kind_of, data, options):
            self._renew(self._made[image][kind], existing, data, options)
            return existing
        layer = kind_of(data, name=f"{image.name} {kind}", **options)
        self._made.setdefault(image, {})[kind] = PluginLayer(layer)
        viewer = self._viewer()
        if viewer is not None:
            viewer.add_layer(layer)
        return layer

    def _renew(
        self, ours: PluginLayer, layer: Layer, data: Pixels, geometry: dict[str, Any]
    ) -> None:
        """Give the layer new data and geometry; colours, contrast and order stay as set."""
        with ours.writing():
            if isinstance(layer, Labels):
                replace_data(layer, data)
            else:
                layer.data = data
        for name in GEOMETRY:
            if name in geometry and not _same(getattr(layer, name), geometry[name]):
                setattr(layer, name, geometry[name])


def _axes(kind_of: type[Layer], data: Pixels, options: dict[str, Any]) -> int:
    """Return the axes a layer of ``data`` has."""
    if kind_of is Vectors:
        return data.shape[-1]
    return len(data.shape) - bool(options.get("rgb"))


def same_place(layer: Layer, geometry: dict[str, Any]) -> bool:
    """Whether ``layer`` lies where ``geometry`` says."""
    return all(_same(getattr(layer, name), value) for name, value in geometry.items())


def _same(before: ArrayLike, after: ArrayLike) -> bool:
    return np.array_equal(np.asarray(before), np.asarray(after))
