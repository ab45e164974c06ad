"""Place: where the labels of an image lie in a layer, as it was when they were asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from napari_unet.widgets.layers import Region
from napari_unet.widgets.pixels import axes_of, labels_geometry, labels_shape, region_to_layer


@dataclass(frozen=True, eq=False)
class Place:
    """The shape and geometry of a labels layer; kept, because an image may be replaced."""

    shape: tuple[int, ...]  # of the data of the layer
    geometry: dict[str, Any]
    spread: int | None  # the axis that spans all channels, which labels do not have

    @classmethod
    def of(cls, image: Image) -> "Place":
        """Return the place of the labels of ``image``."""
        shape, geometry = labels_shape(image), labels_geometry(image)
        letters = axes_of(image)[: image.ndim].replace("C", "")
        probe = tuple(slice(place + 1, place + 2) for place in range(len(letters)))
        whole = region_to_layer(image, probe)
        spread = next((n for n, part in enumerate(whole) if part == slice(0, 1)), None)
        return cls(shape, geometry, spread)

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """The shape of the labels of ``core``."""
        return tuple(edge for axis, edge in enumerate(self.shape) if axis != self.spread)

    def region(self, region: Region) -> Region:
        """Return a region of labels of ``core`` as one of the data of the layer."""
        parts = iter(region)
        return tuple(
            slice(0, 1) if axis == self.spread else next(parts) for axis in range(len(self.shape))
        )

    def block(self, labels: np.ndarray) -> np.ndarray:
        """Return labels of ``core`` with the axes of the layer."""
        return labels if self.spread is None else np.expand_dims(labels, self.spread)

    def flat(self, data: Any) -> np.ndarray:
        """Return data of the layer as labels of ``core``."""
        return np.asarray(data).reshape(self.labels_shape)
