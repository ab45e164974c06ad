"""The layers in which previews are shown, made once and given new data. GUI thread only."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Vectors
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer

from napari_unet.widgets.layers.coordinates import axes_of, labels_geometry, region_to_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.layers.layers import NOTES, displayed_slice, is_preview
from napari_unet.widgets.preview.line_layers import (
    PreviewLayerStore,
    filled_up,
    line_width,
    rectangle,
    segments,
)
from napari_unet.widgets.preview.placement import TilePlacement, moved
from napari_unet.widgets.preview.preview_request import PreviewResult
from napari_unet.widgets.shared.session import Session

KINDS = {"deformation": "deformed", "weights": "weights", "sample": "sample"}  # chief layers
LINES = {"grid": "#ffd60a", "folded": "#ff3b30", "frame": "#00c8ff"}


class PreviewLayers:
    """The preview layers of a viewer; those of an image are called after it."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = viewer
        self._store = PreviewLayerStore(session.results)

    def show(self, image: Image, labels: Labels, result: PreviewResult) -> bool:
        """Write the result into its layers; return whether a layer was added."""
        before = len(self._viewer.layers)
        with self._selection_kept():
            if result.request.view == "weights":
                self._show_weights(image, result)
            elif result.request.view == "sample":
                self._show_sample(image, labels, result)
            else:
                self._show_deformation(image, labels, result)
        new = len(self._viewer.layers) > before
        if new:
            self._lift_lines(image)
        return new

    def shown(self, image: Image, view: str) -> list[Layer]:
        """Return the layers that the camera is to show: the image and the tile beside it."""
        layer = self._store.find(image, KINDS[view])
        return [image] if layer is None else [image, layer]

    def weight_at(self, image: Image, position: Sequence[float]) -> float | None:
        """Return the weight at a place of the world, None where there is none."""
        layer = self._store.find(image, "weights")
        if layer is None or not layer.visible or self._viewer.dims.ndisplay == 3:
            return None
        value = layer.get_value(position, world=True)
        return None if value is None else float(value)

    def reveal(self, image: Image | None, kinds: Iterable[str]) -> None:
        """Show the layers of these kinds and hide every other preview."""
        wanted = [self._store.find(image, kind) for kind in kinds] if image is not None else []
        for layer in self._viewer.layers:
            if is_preview(layer):
                layer.visible = any(layer is other for other in wanted)

    def redraw_lines(self, image: Image) -> None:
        """Keep lines as wide on the screen as they were."""
        for kind in LINES:
            layer = self._store.find(image, kind)
            if layer is None or not layer.visible:
                continue
            width = line_width(self._viewer, layer)
            if not np.isclose(layer.edge_width, width):  # napari redraws even if nothing changes
                layer.edge_width = width

    def catch_up(self) -> None:
        """Draw thumbnails that are out of date, when no slider moves."""
        self._store.catch_up()

    def _lift_lines(self, image: Image) -> None:
        """Move lines above tiles that were added after them."""
        layers = self._viewer.layers
        for kind in LINES:
            layer = self._store.find(image, kind)
            if layer is not None:
                layers.move(layers.index(layer), len(layers))

    def _show_weights(self, image: Image, result: PreviewResult) -> None:
        preview = result.preview
        region = region_to_layer(image, result.request.source.region)
        data = preview.values.reshape([part.stop - part.start for part in region])
        geometry = moved(labels_geometry(image), [part.start for part in region])
        self._show_heat(image, "weights", data, preview.high, geometry)

    def _show_heat(
        self, image: Image, kind: str, data: np.ndarray, high: float, geometry: dict[str, Any]
    ) -> None:
        """Show weights from 0 up; the contrast follows the slider until a person sets it."""
        limits = (0.0, max(high, 1e-3))
        before = self._store.find(image, kind)
        layer = self._store.show(
            Image, image, kind, data, geometry, colormap="inferno", opacity=0.8,
            contrast_limits=limits, metadata=_mark(), visible=False,
        )  # fmt: skip
        if before is None:
            layer.colorbar.visible = True
        chosen = layer.metadata[NOTES].get("limits")
        if chosen is None or tuple(layer.contrast_limits) == chosen:
            _set_limits(layer, limits)
            layer.metadata[NOTES] = {
                **layer.metadata[NOTES],
                "limits": tuple(layer.contrast_limits),
            }

    def _show_deformation(self, image: Image, labels: Labels, result: PreviewResult) -> None:
        place = TilePlacement.of(image, result)
        preview = result.preview
        self._show_image(image, "deformed", place, preview.sample.image)
        layer = self._store.show(
            Labels, image, "deformed labels", place.tile.array(preview.labels), place.geometry(),
            metadata=_mark(), opacity=0.4, visible=False,
        )  # fmt: skip
        if layer.colormap is not labels.colormap:
            layer.colormap = labels.colormap
        outline = place.in_tile(preview.outlines.input)
        self._show_lines(image, "grid", place, [*preview.grid, *outline])
        self._show_lines(image, "folded", place, preview.folds)

    def _show_sample(self, image: Image, labels: Labels, result: PreviewResult) -> None:
        place = TilePlacement.of(image, result)
        preview = result.preview
        sample, lost = preview.sample, preview.border
        self._show_image(image, "sample", place, sample.image)
        layer = self._store.show(
            Labels, image, "sample labels", place.tile.array(sample.classes + np.uint8(1)),
            place.geometry(lost), metadata=_mark(), opacity=0.4, visible=False,
        )  # fmt: skip
        _recolour(layer, labels)
        weights = place.tile.array(sample.weights)
        high = float(sample.weights.max())
        self._show_heat(image, "sample weights", weights, high, place.geometry(lost))
        size = sample.image.shape[-2:]
        frames = [rectangle(size, 0), rectangle(size, lost)]
        frames += [part for line in preview.outlines for part in place.in_tile(line)]
        self._show_lines(image, "frame", place, frames)

    def _show_image(self, image: Image, kind: str, place: TilePlacement, tile: np.ndarray) -> None:
        """Show a tile (C, *spatial) as the network gets it: 0 to 1 are black to white."""
        if image.rgb:
            colours = np.clip(np.moveaxis(tile[:3], 0, -1), 0.0, 1.0)
            self._store.show(
                Image, image, kind, place.tile.array(colours), place.geometry(), rgb=True,
                metadata=_mark(), visible=False,
            )  # fmt: skip
            return
        shown = tile[self._channel(image)]
        self._store.show(
            Image, image, kind, place.tile.array(shown), place.geometry(), colormap=image.colormap,
            contrast_limits=(0.0, 1.0), metadata=_mark(), visible=False,
        )  # fmt: skip

    def _show_lines(
        self, image: Image, kind: str, place: TilePlacement, lines: Iterable[np.ndarray]
    ) -> None:
        data = segments([place.flat.points(line) for line in lines], len(place.flat.letters))
        before = self._store.find(image, kind)
        if before is not None and not len(data) and not len(before.data):
            return  # changing a layer takes time, even an empty one
        layer = self._store.show(
            Vectors, image, kind, filled_up(data), place.line_geometry(), vector_style="line",
            edge_color=LINES[kind], metadata=_mark(), visible=False,
        )  # fmt: skip
        if before is None:
            layer.edge_width = line_width(self._viewer, layer)

    def _channel(self, image: Image) -> int:
        """Return the channel on the screen."""
        axes = axes_of(image)
        return displayed_slice(self._viewer, image)[axes.index("C")].start if "C" in axes else 0

    @contextmanager
    def _selection_kept(self) -> Iterator[None]:
        """Within, added layers do not change the selection, so that the brush stays active."""
        selection = self._viewer.layers.selection
        before, active = set(selection), selection.active
        yield
        if set(selection) != before:
            selection.clear()
            selection.update(before)
            selection.active = active


def _mark() -> dict[str, Any]:
    """Return metadata that marks a layer as a preview, so that no dock offers it."""
    return {NOTES: {"preview": True}}


def _recolour(layer: Labels, labels: Labels) -> None:
    """Colour the classes of a sample as in ``labels``; 0 is unlabelled."""
    colours = [entry.color for entry in classes_of(labels)]
    if layer.metadata[NOTES].get("colours") == colours:
        return
    shown: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    layer.colormap = DirectLabelColormap(color_dict=shown | dict(enumerate(colours, start=1)))
    layer.metadata[NOTES] = {**layer.metadata[NOTES], "colours": colours}


def _set_limits(layer: Image, limits: tuple[float, float]) -> None:
    """Set the contrast limits with one event, because napari redraws the colour bar for each."""
    if tuple(layer.contrast_limits) != limits:
        with layer.events.contrast_limits.blocker():
            layer.contrast_limits_range = limits
        layer.contrast_limits = limits
