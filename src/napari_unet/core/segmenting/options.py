"""Options: how an image is segmented, checked where they are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from napari_unet.core.normalisation import Contrast
from napari_unet.core.segmenting.averaging import AVERAGES
from napari_unet.core.segmenting.precision import PRECISIONS

UNCERTAINTIES = ("none", "entropy", "spread")


@dataclass(frozen=True)
class Options:
    """Everything about a segmentation but the image and the network."""

    axes: str | None = None  # letters of TZYXC; guessed where not given
    tile: int | Sequence[int] | None = None  # input edge in pixels of the network
    memory: int | None = None  # bytes that may be used; half of what is free where not given
    average: str = "none"  # over the tile as it is, mirrored, or mirrored and rotated
    precision: str = "auto"  # the quickest with which the labels of a large image stay the same
    pixel_size: Mapping[str, float] | None = None  # of the image, µm per axis
    uncertainty: str = "none"  # entropy of the scores, or their spread over the versions
    contrast: Contrast | None = None  # measured before, on the same image
    seconds: float | None = None  # that a tile may take, where others wait for it to end

    def __post_init__(self) -> None:
        _check_choice("average", self.average, AVERAGES)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("uncertainty", self.uncertainty, UNCERTAINTIES)
        if self.uncertainty == "spread" and self.average == "none":
            raise ValueError(
                "the spread is that over the versions of an average: "
                "choose average='mirror' or 'rotate', or uncertainty='entropy'"
            )
        if self.memory is not None and self.memory < 1:
            raise ValueError(f"memory is {self.memory} bytes: give at least 1, or None")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds is {self.seconds}: give more than 0, or None")


class More(TypedDict, total=False):
    """The options that are seldom needed; see ``Options``."""

    precision: str
    pixel_size: Mapping[str, float] | None
    uncertainty: str
    contrast: Contrast | None
    seconds: float | None


class AllOptions(More, total=False):
    """All fields of ``Options``, for those who hand them on."""

    axes: str | None
    tile: int | Sequence[int] | None
    memory: int | None
    average: str


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is '{value}': choose one of {', '.join(choices)}")
