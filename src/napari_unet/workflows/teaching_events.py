"""What the compute thread reports to a window about live teaching; plain frozen values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.core.arrays.boxes import Box


@dataclass(frozen=True)
class StrokesPredicted:
    """How much of the last strokes was right before they were learned."""

    share: float
    strokes: int
    message: str


@dataclass(frozen=True)
class Status:
    """Where learning stands."""

    message: str  # one sentence
    by: str  # the size of the network that is shown; empty before the first preview
    epoch: int  # of what is shown
    strokes: int
    learning: bool  # whether it goes on
    foreseen: StrokesPredicted | None = None


@dataclass(frozen=True, eq=False)
class TileDrawn:
    """A piece of the preview: what the network says, the strokes left out."""

    box: Box  # in the labels of core
    codes: np.ndarray  # (*box) uint8: 1 background, 2…
    scores: np.ndarray  # (classes, *box) float32, background first
    epoch: int


@dataclass(frozen=True)
class SuggestedPlace:
    """Where to look, and why."""

    box: Box
    reason: str


@dataclass(frozen=True)
class Suggested:
    """Places where a stroke would teach most, the best first."""

    places: tuple[SuggestedPlace, ...]


@dataclass(frozen=True)
class Window:
    """A window drawn at random, to be judged."""

    box: Box


@dataclass(frozen=True)
class Judged:
    """What the windows judged so far say."""

    number: int
    message: str


@dataclass(frozen=True)
class WorkingSizeChanged:
    """The working size, and another one that would suit the painted objects."""

    now: int
    better: int | None = None
    message: str = ""


@dataclass(frozen=True, eq=False)
class Unconfirmed:
    """Pixels that were confirmed and are to be unlabelled again."""

    places: tuple[np.ndarray, ...]  # an index array an axis of the labels of core


@dataclass(frozen=True, eq=False)
class NetworkCopied:
    """A copy of the network that is shown."""

    network: Any  # a UNet, whose type would import torch here
    by: str
    message: str  # what to know about its pixel size; empty: nothing


@dataclass(frozen=True, eq=False)
class Taught:
    """A copy of the network that is shown, once there is nothing left to do."""

    network: Any  # a UNet, whose type would import torch here


@dataclass(frozen=True)
class Refused:
    """Something that was asked for cannot be done, and why."""

    message: str


Answer = (  # to a request; Status and TileDrawn come without one
    Suggested
    | Window
    | Judged
    | WorkingSizeChanged
    | Unconfirmed
    | NetworkCopied
    | Taught
    | Refused
)
