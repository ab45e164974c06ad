"""A tile of the validation image, segmented after each validation and shown as labels."""

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.widgets.layers.coordinates import (
    labels_geometry,
    labels_shape,
    pixels_of,
    region_to_layer,
)
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Urgency
from napari_unet.workflows.training_data import ValidationTilePlace
from napari_unet.workflows.training_run import RunStarted

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet
    from napari_unet.core.normalisation import Contrast

KIND = "validation tile"
OPACITY = 0.5
COMPARED = 2**26  # bytes compared in the GUI thread, in some hundredths of a second


@dataclass(frozen=True, eq=False)
class SegmentedTile:
    """Labels of a tile: 1 background, 2… classes, as in an annotation."""

    tile_place: ValidationTilePlace
    region: tuple[slice, ...]  # in the axes of the labels
    labels: np.ndarray
    contrast: Any  # measured on the whole image; the next tile needs it too
    colours: dict[int | None, str]


class TileView(QObject):
    """Requests a tile and shows it in a layer of its own; it outlives the dock."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = weakref.ref(session)
        self._latest = LatestRequest(session, Urgency.PREVIEW, self)
        self._latest.answered.connect(self._show)
        self._contrast: tuple[Any, Any] = (None, None)  # the pixels, and their contrast
        self.wanted = False  # a tile is shown at each validation

    def want(self, wanted: bool, begun: RunStarted | None = None) -> None:
        """Start or stop showing a tile; the layer with the last tile stays."""
        self.wanted = wanted
        if wanted and begun is not None:
            self.ask(begun)
        self.changed.emit()

    def ask(self, begun: RunStarted) -> None:
        """Request the tile, segmented with the present network, if one is wanted."""
        tile_place = begun.tile_place
        if not self.wanted or tile_place is None:
            return
        known, contrast = self._contrast
        self._latest.ask(
            segmented_tile, begun.network, tile_place, begun.settings.tile,
            contrast if known is tile_place.pixels.data else None,
        )  # fmt: skip

    def _show(self, tile: SegmentedTile) -> None:
        self._contrast = (tile.tile_place.pixels.data, tile.contrast)
        session = self._session()
        image = None if session is None else _layer_of(session.viewer, tile.tile_place)
        if session is None or image is None:
            return  # the image was removed, or has other pixels now
        data = np.zeros(labels_shape(image), np.uint8)
        data[region_to_layer(image, tile.region)] = tile.labels.reshape(
            data[region_to_layer(image, tile.region)].shape
        )
        options = {"opacity": OPACITY, "colormap": DirectLabelColormap(color_dict=tile.colours)}
        chosen = session.viewer.layers.selection.active  # so that the brush stays active
        session.results.show(Labels, image, KIND, data, labels_geometry(image), **options)
        session.viewer.layers.selection.active = chosen


def segmented_tile(
    network: "UNet", tile_place: ValidationTilePlace, edge: int, contrast: "Contrast | None"
) -> SegmentedTile:
    """Segment the tile of ``edge`` px in the middle of the validation labels; compute thread."""
    from napari_unet.core.network.legal_sizes import input_size
    from napari_unet.core.segmentation.prepare import prepare

    pixels = tile_place.pixels
    scoring = prepare(
        pixels.data, network, axes=pixels.axes, contrast=contrast, precision="float32",
        tile=input_size(network.depth, max(edge - 2 * network.border, 2**network.depth)),
    )  # fmt: skip
    tile = next(scoring.tiles(near=tile_place.near))
    scored = next(scoring.score([tile]))
    labels = (scored.scores.argmax(0) + 1).astype(np.uint8)
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours |= {n: c["color"] for n, c in enumerate(network.about["classes"], start=1)}
    return SegmentedTile(tile_place, scored.tile.write, labels, scoring.reader.contrast, colours)


def _layer_of(viewer: Viewer, tile_place: ValidationTilePlace) -> Image | None:
    """Return the layer that has the pixels, under whatever name."""
    layers = [] if viewer is None else [x for x in viewer.layers if isinstance(x, Image)]
    for layer in layers:
        if pixels_of(layer).data is tile_place.pixels.data:
            return layer
    return next(
        (x for x in layers if x.name == tile_place.image and _equal(x, tile_place.pixels)), None
    )


def _equal(layer: Image, pixels: ImagePixels) -> bool:
    """Whether a layer has the pixels of a resumed training; only small ones are compared."""
    data = pixels_of(layer).data
    arrays = isinstance(data, np.ndarray) and isinstance(pixels.data, np.ndarray)
    return arrays and data.nbytes <= COMPARED and np.array_equal(data, pixels.data)
