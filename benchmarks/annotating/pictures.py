"""The eight pictures: what the person looks at, and what is an object in it.

They were chosen by looking at images, before anything had learned from them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from skimage.io import imread

from napari_unet.samples import synthetic_cells

DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True, eq=False)
class Picture:
    name: str
    image: np.ndarray  # (Y, X) or (Y, X, 3)
    objects: np.ndarray  # (Y, X) bool: the truth
    axes: str
    instances: bool = True  # of a set of single objects, or of a net of membranes

    @property
    def shape(self) -> tuple[int, int]:
        return self.objects.shape[0], self.objects.shape[1]


def names() -> tuple[str, ...]:
    return tuple(_PICTURES)


def load(name: str) -> Picture:
    return _PICTURES[name](name)


def _real(file: str, box: tuple[slice, ...] = ()) -> Callable[[str], Picture]:
    """Images of a set of instances, or the 512² of one that a person has in view."""

    def read(name: str) -> Picture:
        image = imread(DATA / file)[box]
        objects = imread(DATA / file.replace("images", "labels"))[box] > 0
        return Picture(name, image, objects, "YXC" if image.ndim == 3 else "YX")

    return read


def _membranes(name: str) -> Picture:
    """A slice of which the membranes, not the cells, are painted as objects."""
    folder = DATA / "isbi2012"
    image = imread(folder / "train-volume.tif")[16]
    return Picture(name, image, imread(folder / "train-labels.tif")[16] == 0, "YX", instances=False)


def _synthetic(seed: int, count: int) -> Callable[[str], Picture]:
    def draw(name: str) -> Picture:
        drawn = synthetic_cells(seed, (512, 512), count)
        return Picture(name, drawn.image, drawn.labels > 0, "YX")

    return draw


_PICTURES: dict[str, Callable[[str], Picture]] = {
    "dsb2018 57d8": _real("dsb2018/val/images/57d88f45e479.png"),
    "dsb2018 700a": _real("dsb2018/val/images/700afb1cd830.png"),
    "dsb2018_rgb c1af": _real("dsb2018_rgb/val/images/c1afe66cd139.png"),
    "dsb2018_rgb ef3e": _real("dsb2018_rgb/train/images/ef3ef194e565.png"),
    "usiigaci 25": _real("usiigaci/val/images/set25.tif", np.s_[380:892, 256:768]),
    "isbi2012 16": _membranes,
    "synthetic 60": _synthetic(0, 60),
    "synthetic 300": _synthetic(1, 300),
}
