"""Placing: a tile lies beside the image it was cut from, so that both can be seen."""

from dataclasses import dataclass

import numpy as np
from napari.layers import Image

from napari_unet.widgets.pixels import axes_of, labels_shape
from napari_unet.widgets.previewing.answer import Answer
from napari_unet.widgets.previewing.ground import Geometry, Ground
from napari_unet.widgets.previewing.strokes import within

GAP = 0.03  # of the longer edge of the image, between it and the tile


@dataclass(frozen=True)
class Placing:
    """Where a tile and the lines over it are shown."""

    tile: Ground
    flat: Ground  # of the lines, which lie in planes
    offset: dict[str, float]  # of the tile's first pixel in pixels of the image
    start: np.ndarray  # (2,) where the previewed region begins in the image, rows and columns
    size: tuple[int, int]  # of the image, rows and columns

    @classmethod
    def of(cls, image: Image, given: Answer) -> "Placing":
        """Place the tile of ``given`` beside ``image``."""
        shape = given.found.sample.image.shape[1:]
        tile, flat = Ground.of(image, len(shape)), Ground.of(image, 2)
        edges = dict(zip(tile.tile, shape, strict=True))
        letters = axes_of(image)[: image.ndim].removeprefix("C")
        size = dict(zip(letters, labels_shape(image), strict=True))
        spatial = axes_of(image).replace("C", "")
        starts = {a: p.start for a, p in zip(spatial, given.request.subject.region, strict=True)}
        offset = _beside(size["Y"], size["X"], edges["Y"], edges["X"])
        if len(shape) == 3:
            centre = given.found.sample.place.centre[0] + starts["Z"]
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
        """Return what of a line in the previewed region lies in the image, in tile pixels."""
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
