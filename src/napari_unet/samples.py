"""Samples: images with ground truth that come with the package, and synthetic ones.

``load('nuclei')`` gives the image and its objects; where it is from, and under which licence it may
be used, is stated in full in ``sample_data/LICENCES.md``.
"""

from dataclasses import dataclass, field
from importlib.resources import as_file, files

import numpy as np
import tifffile

from napari_unet.core.sampling.synthetic_cells import draw_cells


@dataclass(frozen=True, eq=False)
class SampleImage:
    """An image whose objects are known; the arrays are read-only."""

    name: str
    image: np.ndarray
    labels: np.ndarray  # 0 background, each other value one object; the axes of the image
    axes: str
    about: str  # a sentence
    licence: str  # its short name
    pixel_size: dict[str, float] = field(default_factory=dict)  # µm by axis; empty: not known

    def __post_init__(self) -> None:
        self.image.setflags(write=False)
        self.labels.setflags(write=False)


_NUCLEI = "Nuclei in fluorescence, some of them touching (2018 Data Science Bowl, BBBC038)"
_CELLS = "Adherent cells in phase contrast with bright rims, many touching (Usiigaci)"
_TEST = "to test on, from the same experiment"
_SHIPPED = {
    "nuclei": (f"{_NUCLEI}.", "CC0-1.0", "YX"),
    "nuclei-2": (f"{_NUCLEI}, a second image.", "CC0-1.0", "YX"),
    "nuclei-test": (f"{_NUCLEI}, {_TEST}.", "CC0-1.0", "YX"),
    "cells": (f"{_CELLS}.", "MIT", "YX"),
    "cells-test": (f"{_CELLS}, {_TEST}.", "MIT", "YX"),
    "nuclei-3d": (
        "Synthetic nuclei, densely packed in a volume (StarDist).",
        "BSD-3-Clause",
        "ZYX",
    ),
}
SYNTHETIC = "synthetic"


def names() -> tuple[str, ...]:
    """Return the names that ``load`` takes."""
    return (*_SHIPPED, SYNTHETIC)


def load(name: str) -> SampleImage:
    """Return the sample called ``name``."""
    if name == SYNTHETIC:
        return synthetic_cells()
    if name not in _SHIPPED:
        raise ValueError(f"there is no sample '{name}': choose one of {', '.join(names())}")
    about, licence, axes = _SHIPPED[name]
    labels = _read(f"{name}-labels").astype(np.int32)
    return SampleImage(name, _read(name), labels, axes, about, licence)


def synthetic_cells(
    seed: int = 0, shape: tuple[int, ...] = (512, 512), count: int = 60
) -> SampleImage:
    """Draw ``count`` textured cells, many touching, on an uneven background; 2 or 3 axes.

    The same ``seed`` gives the same image.
    """
    image, labels = draw_cells(np.random.default_rng(seed), tuple(shape), count)
    about = f"{count} synthetic cells on an uneven background, seed {seed}."
    return SampleImage(SYNTHETIC, image, labels, "ZYX"[-image.ndim :], about, "BSD-3-Clause")


def _read(name: str) -> np.ndarray:
    with as_file(files("napari_unet") / "sample_data" / f"{name}.tif") as path:
        return tifffile.imread(path)
