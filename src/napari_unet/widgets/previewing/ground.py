"""Ground: where the pixels of a tile lie in the viewer, beside the image they were cut from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import CompositeAffine

from napari_unet.widgets.pixels import axes_of, labels_geometry

Geometry = dict[str, Any]  # arguments of a layer


@dataclass(frozen=True)
class Ground:
    """The axes of a layer of tiles of ``image``: the last ones that its labels have."""

    letters: str
    tile: str  # the axes of a tile, ZYX or YX
    geometry: Geometry

    @classmethod
    def of(cls, image: Image, dims: int) -> "Ground":
        """Lay out tiles of this many axes."""
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
        found = tile.transpose(*order, *rest)
        if "C" in self.letters:
            found = np.expand_dims(found, self.letters.index("C"))
        return found

    def points(self, points: np.ndarray) -> np.ndarray:
        """Return points (n, axes of a tile) as coordinates of a layer."""
        found = np.zeros((len(points), len(self.letters)))
        for place, letter in enumerate(self.tile):
            found[:, self.letters.index(letter)] = points[:, place]
        return found

    def placed(self, offset: Mapping[str, float]) -> Geometry:
        """Return the geometry of a layer whose first pixel lies at this place of the image."""
        return moved(self.geometry, [offset.get(letter, 0.0) for letter in self.letters])


def moved(geometry: Geometry, offset: Any) -> Geometry:
    """Return the geometry of a layer whose first pixel lies at ``offset`` of another's pixels."""
    return {**geometry, "translate": _own(geometry)(np.asarray(offset, float))}


def last_axes(geometry: Geometry, count: int) -> Geometry:
    """Return the geometry of a layer that has the last ``count`` axes only."""
    axes = len(geometry["scale"])
    kept = list(range(axes - count, axes))
    own = _own(geometry).set_slice(kept)
    return {
        "scale": own.scale,
        "translate": own.translate,
        "rotate": own.rotate,
        "shear": own.shear,
        "affine": geometry["affine"].set_slice(kept),
        "units": tuple(geometry["units"])[-count:],
        "axis_labels": tuple(geometry["axis_labels"])[-count:],
    }


def _own(geometry: Geometry) -> CompositeAffine:
    return CompositeAffine(
        **{name: geometry[name] for name in ("scale", "translate", "rotate", "shear")}
    )
