"""Request: all that a segmentation is to do, frozen, as it crosses to the compute thread."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.coordinates import ImagePixels
from napari_unet.widgets.shared.preferences import ComputePreferences

AVERAGES = ("none", "mirror", "rotate")


@dataclass(frozen=True)
class LabelOptions:
    """How scores become labels; each can be changed without asking the network again."""

    objects: bool = True  # each object has its own number; else each pixel has its class
    threshold: float = 0.5
    min_area: int = 0  # px
    holes: int = 0  # px, up to which holes are filled
    split: float = 0.0  # px
    volume: bool = False  # objects of a stack go on from plane to plane

    def settings(self, dims: int, axes: int) -> Any:
        """Return the ObjectSettings for a network of ``dims`` dimensions and labels of ``axes``.

        A network of planes leaves ridges in planes: between planes there are none to give back.
        """
        from napari_unet.core.objects.label_objects import ObjectSettings

        joined = self.joins(dims, axes)
        return ObjectSettings(
            threshold=self.threshold,
            min_area=self.min_area,
            holes=self.holes,
            split=self.split,
            give_back=not joined,
            dims=3 if joined else dims,
        )

    def joins(self, dims: int, axes: int) -> bool:
        """Whether objects that a network of planes finds go on from plane to plane."""
        return self.volume and dims == 2 < axes


@dataclass(frozen=True, eq=False)
class Part:
    """The part of an image that is wanted, in the axes of its labels, without channels."""

    region: Box | None = None  # None: all of it
    inside: np.ndarray | None = None  # bool, of the shape of ``region``: the pixels in a shape
    near: tuple[float, ...] | None = None  # the tiles next to this point come first


@dataclass(frozen=True, eq=False)
class SegmentRequest:
    """What is to be segmented, with what, and how."""

    name: str  # of the image
    network: Any  # a UNet; looked at in the compute thread only
    network_name: str
    pixels: ImagePixels
    part: Part = field(default_factory=Part)
    average: str = "none"
    tile: int | None = None  # px, input edge; None: what fits
    machine: ComputePreferences = field(default_factory=ComputePreferences)
