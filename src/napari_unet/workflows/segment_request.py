"""SegmentRequest: all that decides a segmentation; frozen, because it crosses to another thread.

ResultCache: the scores of one image layer, for the compute thread only. Parts segmented with the
same network are put together. Another network starts with no scores, and the old labels stay until
new ones replace them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.text import memory
from napari_unet.workflows.scheduler import ComputePreferences

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet
    from napari_unet.core.objects.label_objects import ObjectSettings
    from napari_unet.core.segmentation.kept_scores import LabelResult
    from napari_unet.core.segmentation.score_tiles import ImageScorer

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

    def settings(self, dims: int, axes: int) -> "ObjectSettings":
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


SHARE = 0.5  # of the free memory that scores and labels of one image may take
LABELS = 10  # bytes a pixel of labels: those shown, those written, the old ones, and scratch


@dataclass
class ResultCache:
    """The scores of one image, and the labels that a run continues."""

    scores: Any = None  # KeptScores
    dims: int = 2  # of the network
    key: tuple[Any, ...] = ()  # of the network, the image and the options that decide the scores
    bases: dict[bool, np.ndarray | None] = field(default_factory=dict)  # True: of objects

    def begin(
        self, request: SegmentRequest, scoring: "ImageScorer", bases: dict[bool, np.ndarray | None]
    ) -> None:
        """Make room for what ``request`` asks; what was scored by the same network stays."""
        from napari_unet.core.segmentation.kept_scores import ScoreCache

        key = (
            fingerprint(request.network), request.average, id(request.pixels.data),
            request.pixels.axes, tuple(sorted(request.pixels.pixel_size.items())),
        )  # fmt: skip
        if key == self.key and self.scores.shape[1:] == tuple(scoring.shape):
            return
        self.scores = None  # let go of the old ones first
        network = scoring.scorer.network
        check_room(network.classes, scoring.shape, request.name)
        order = scoring.reader.image.order
        self.scores = ScoreCache(network.classes, scoring.shape, order)
        self.dims, self.key = network.dims, key
        self.bases = {
            objects: base
            for objects, base in bases.items()
            if base is not None and base.shape == tuple(scoring.shape)
        }

    def relabel(self, options: LabelOptions) -> "LabelResult | None":
        """Return the LabelResult of all that is scored, None where nothing is."""
        from napari_unet.core.segmentation.kept_scores import relabel

        if self.scores is None or not self.scores.scored.any():
            return None
        base = self.bases.get(options.objects)
        settings = options.settings(self.dims, len(self.scores.shape) - 1)
        return relabel(self.scores, settings, options.objects, base)


def fingerprint(network: "UNet") -> str:
    """Return what changes whenever something changes that decides the scores of ``network``."""
    import torch

    about = {name: network.about.get(name) for name in ("normalisation", "pixel_size")}
    head = f"{network.architecture!r} {json.dumps(about, sort_keys=True)}"
    digest = hashlib.blake2b(head.encode(), digest_size=16)
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def room(classes: int, shape: Sequence[int]) -> int:
    """Return the bytes that scores and labels of an image take while it is looked at."""
    from napari_unet.core.segmentation.kept_scores import kept_type

    pixels = int(np.prod(shape, dtype=np.int64))
    return pixels * (classes * kept_type(classes * pixels).itemsize + LABELS)


def check_room(classes: int, shape: Sequence[int], name: str) -> None:
    """Refuse an image whose scores would not fit into memory, and say what works instead."""
    import torch

    from napari_unet.core.runtime.device import memory_free

    needed, free = room(classes, shape), memory_free(torch.device("cpu"))
    if needed > SHARE * free:
        raise ValueError(
            f"the scores and labels of '{name}' take {memory(needed)} and "
            f"{memory(free)} are free: segment its file with 'a folder', which works on disk"
        )
