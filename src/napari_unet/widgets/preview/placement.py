"""Where the tile of a preview lies in the viewer, beside its image, and moving the camera to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.transforms import CompositeAffine
from napari.viewer import Viewer
from numpy.typing import ArrayLike

from napari_unet.widgets.layers.coordinates import axes_of, labels_geometry, labels_shape
from napari_unet.widgets.preview.line_layers import within
from napari_unet.widgets.preview.preview_request import PreviewResult

Geometry = dict[str, Any]  # arguments of a layer


@dataclass(frozen=True)
class PreviewAxes:
    """The axes of a layer of tiles of ``image``: the last ones that its labels have."""

    letters: str
    tile: str  # the axes of a tile, ZYX or YX
    geometry: Geometry

    @classmethod
    def of(cls, image: Image, dims: int) -> "PreviewAxes":
        """Return the axes for tiles of ``dims`` dimensions."""
        tile = "ZYX"[-dims:]
        letters = axes_of(image)[: image.ndim].removeprefix("C")
        if not set(tile) <= set(letters):
            raise ValueError(
                f"'{image.name}' has the axes {letters} and no Z: a network of volumes needs a "
                "stack, choose dims 2 in the Train dock"
            )
        used = letters[min(letters.index(a) for a in tile) :]
        if set(used) - set(tile) - {"C"}:
            raise ValueError(
                f"a tile of '{image.name}' cannot be shown: of its axes {letters}, {tile} must be "
                "the last ones"
            )
        return cls(used, tile, last_axes(labels_geometry(image), len(used)))

    def array(self, tile: np.ndarray) -> np.ndarray:
        """Return a tile (…, Z, Y, X or Y, X; then colours) as the data of a layer."""
        order = sorted(
            range(len(self.tile)), key=lambda place: self.letters.index(self.tile[place])
        )
        rest = range(len(self.tile), tile.ndim)
        data = tile.transpose(*order, *rest)
        if "C" in self.letters:
            data = np.expand_dims(data, self.letters.index("C"))
        return data

    def points(self, points: np.ndarray) -> np.ndarray:
        """Return points (n, axes of a tile) as coordinates of a layer."""
        coordinates = np.zeros((len(points), len(self.letters)))
        for place, letter in enumerate(self.tile):
            coordinates[:, self.letters.index(letter)] = points[:, place]
        return coordinates

    def placed(self, offset: Mapping[str, float]) -> Geometry:
        """Return the geometry of a layer whose first pixel lies at this place of the image."""
        return moved(self.geometry, [offset.get(letter, 0.0) for letter in self.letters])


def moved(geometry: Geometry, offset: ArrayLike) -> Geometry:
    """Return the geometry of a layer whose first pixel lies at ``offset`` of another's pixels."""
    return {**geometry, "translate": _own(geometry)(np.asarray(offset, float))}


def last_axes(geometry: Geometry, count: int) -> Geometry:
    """Return the geometry of a layer that has the last ``count`` axes only."""
    axes = len(geometry["scale"])
    last = list(range(axes - count, axes))
    own = _own(geometry).set_slice(last)
    return {
        "scale": own.scale,
        "translate": own.translate,
        "rotate": own.rotate,
        "shear": own.shear,
        "affine": geometry["affine"].set_slice(last),
        "units": tuple(geometry["units"])[-count:],
        "axis_labels": tuple(geometry["axis_labels"])[-count:],
    }


def _own(geometry: Geometry) -> CompositeAffine:
    return CompositeAffine(
        **{name: geometry[name] for name in ("scale", "translate", "rotate", "shear")}
    )


GAP = 0.03  # between image and tile, as a share of the longer edge of the image


@dataclass(frozen=True)
class TilePlacement:
    """Where a tile and the lines over it are shown."""

    tile: PreviewAxes
    flat: PreviewAxes  # of the lines, which lie in planes
    offset: dict[str, float]  # of the tile's first pixel in pixels of the image
    start: np.ndarray  # (2,) where the previewed region begins in the image, rows and columns
    size: tuple[int, int]  # of the image, rows and columns

    @classmethod
    def of(cls, image: Image, result: PreviewResult) -> "TilePlacement":
        """Place the tile of ``result`` beside ``image``."""
        shape = result.preview.sample.image.shape[1:]
        tile, flat = PreviewAxes.of(image, len(shape)), PreviewAxes.of(image, 2)
        edges = dict(zip(tile.tile, shape, strict=True))
        letters = axes_of(image)[: image.ndim].removeprefix("C")
        size = dict(zip(letters, labels_shape(image), strict=True))
        spatial = axes_of(image).replace("C", "")
        starts = {a: p.start for a, p in zip(spatial, result.request.source.region, strict=True)}
        offset = _beside(size["Y"], size["X"], edges["Y"], edges["X"])
        if len(shape) == 3:
            centre = result.preview.sample.place.centre[0] + starts["Z"]
            offset["Z"] = float(round(centre)) - shape[0] // 2
        start = np.array([starts["Y"], starts["X"]], float)
        return cls(tile, flat, offset, start, (size["Y"], size["X"]))

    def geometry(self, inner: int = 0) -> Geometry:
        """Return the geometry of the tile, or of what begins ``inner`` pixels inside it."""
        return self.tile.placed({a: n + inner for a, n in self.offset.items()})

    def line_geometry(self) -> Geometry:
        """Return the geometry of lines in pixels of the tile."""
        return self.flat.placed(self.offset)

    def in_tile(self, line: np.ndarray) -> list[np.ndarray]:
        """Return the parts of a line of the previewed region inside the image, in tile pixels."""
        corner = np.array([self.offset["Y"], self.offset["X"]])
        return [part - corner for part in within(line + self.start, self.size)]


def _beside(height: int, width: int, down: int, across: int) -> dict[str, float]:
    """Place a tile right of the image or below it, whichever leaves both larger on a screen."""
    gap = max(8.0, GAP * max(height, width))
    right = max(width + gap + across, height, down)
    below = max(height + gap + down, width, across)
    if right <= below:
        return {"Y": (height - down) / 2, "X": width + gap}
    return {"Y": height + gap, "X": (width - across) / 2}


MARGIN = 0.94  # share of the canvas that the shown layers fill


def look_at_layers(viewer: Viewer, layers: list[Layer], whole: bool) -> None:
    """Bring ``layers`` into view: all of them, or with ``whole`` False the middle of them."""
    if viewer.dims.ndisplay != 2 or not layers:
        return
    low, high = _extent(viewer, layers)
    centre = np.array(viewer.scene.camera.center[-2:])
    reach = np.array(viewer.canvas.size) / viewer.scene.camera.zoom / 2
    if whole:
        seen = bool((low >= centre - reach).all() and (high <= centre + reach).all())
    else:
        seen = bool((centre >= low).all() and (centre <= high).all())
    if not seen:
        fill_canvas(viewer, layers)


def fill_canvas(viewer: Viewer, layers: list[Layer]) -> None:
    """Bring ``layers`` into view, as large as the canvas allows."""
    if viewer.dims.ndisplay != 2 or not layers:
        return
    low, high = _extent(viewer, layers)
    viewer.scene.camera.center = (0.0, *((low + high) / 2))
    room = np.array(viewer.canvas.size) / np.maximum(high - low, 1e-9)
    viewer.scene.camera.zoom = float(MARGIN * room.min())


def turn_to(viewer: Viewer, layer: Layer) -> None:
    """Move the sliders to the middle of ``layer`` along axes whose slider lies outside it."""
    first = viewer.dims.ndim - layer.ndim
    low, high = layer.extent.world
    for axis in set(viewer.dims.not_displayed) - set(range(first)):
        place = axis - first
        if not low[place] <= viewer.dims.point[axis] <= high[place]:
            viewer.dims.set_point(axis, (low[place] + high[place]) / 2)


def _extent(viewer: Viewer, layers: list[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners, in world coordinates, of the displayed plane of all ``layers``."""
    boxes = []
    for layer in layers:
        shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
        boxes.append(layer.extent.world[:, shown])
    return np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
