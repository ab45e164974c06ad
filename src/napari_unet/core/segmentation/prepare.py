"""Check the options of a segmentation and decide, once for an image and a network, what tiles need.

These are the contrast of the whole image, the precision, and the largest tile that memory allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, prod
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.network.legal_sizes import input_size
from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Contrast, Normalisation
from napari_unet.core.runtime.device import memory_free
from napari_unet.core.segmentation import tile_size
from napari_unet.core.segmentation import tile_size as cost
from napari_unet.core.segmentation.image_reader import SEEN, OrderedImage, Reader
from napari_unet.core.segmentation.precision import PRECISIONS, choose_precision
from napari_unet.core.segmentation.score_tiles import ImageScorer
from napari_unet.core.segmentation.scorer import AVERAGES, TileScorer
from napari_unet.core.segmentation.tile_grid import TileGrid, scales
from napari_unet.core.text import memory, size

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


class RareOptions(TypedDict, total=False):
    """The options that are seldom needed; see ``Options``."""

    precision: str
    pixel_size: Mapping[str, float] | None
    uncertainty: str
    contrast: Contrast | None
    seconds: float | None


class AllOptions(RareOptions, total=False):
    """All fields of ``Options``, for functions that pass them on."""

    axes: str | None
    tile: int | Sequence[int] | None
    memory: int | None
    average: str


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is '{value}': choose one of {', '.join(choices)}")


COMPARED = {2: 192, 3: 16}  # edge of the output of the tile scored in both precisions, in pixels
LEAST = {2: 2**16, 3: 2**18}  # pixels of an image from which on precisions are measured, once
WORTH = 8  # it is compared where the image has at least so many times the pixels


def prepare(image: Pixels | ArrayLike, network: UNet, **options: Unpack[AllOptions]) -> ImageScorer:
    """Make ``image`` (anything that can be sliced) and ``network`` ready to score tiles."""
    chosen = Options(**options)
    view = OrderedImage.of(image, chosen.axes, network.channels, network.dims)
    seen, size = SEEN[network.dims], network.about["pixel_size"]
    grid = TileGrid(
        network.depth,
        view.places,
        scales(seen, view.places[-network.dims :], chosen.pixel_size, size),
    )
    reader = Reader(view, chosen.contrast or _contrast(view, grid, network), grid)
    scorer = TileScorer(network, _precision(network, reader, chosen.precision), chosen.average)
    return ImageScorer(scorer, reader, _edges(scorer, grid, chosen))


def _contrast(view: OrderedImage, grid: TileGrid, network: UNet) -> Contrast:
    """Measure the whole image as the network wants it, whatever the pixel size."""
    view.check_finite()
    normalisation = Normalisation.of(network.about)
    rows = grid.scales[-2]
    flatten = normalisation.flatten * rows.image / rows.network  # in pixels of the image
    return replace(normalisation, flatten=flatten).measure(view, view.axes)


def _precision(network: UNet, reader: Reader, precision: str) -> str:
    """Choose the precision; for a large image, compare the labels of a tile from its middle."""
    edges = (input_size(network.depth, COMPARED[network.dims]),) * network.dims
    pixels = prod(reader.grid.shape)
    worth = pixels >= WORTH * prod(edges)

    def sample() -> np.ndarray:
        middle = [length / 2 for length in reader.grid.shape]
        return reader.read(next(reader.grid.tiles(edges, near=middle)))

    return choose_precision(
        network, precision, sample if worth else None, measure=pixels >= LEAST[network.dims]
    )


def _edges(scorer: TileScorer, grid: TileGrid, chosen: Options) -> tuple[int, ...]:
    """Return the edges asked for, or the largest that memory allows.

    The cost of a pixel is measured only where its bound would make tiles smaller.
    """
    depth, dims = scorer.network.depth, scorer.network.dims
    if chosen.tile is not None:
        return tile_size.given_edges(depth, chosen.tile, dims)
    exchanged = cost.exchanged(scorer, grid.growth)
    most: float = cost.most_pixels(scorer)
    if chosen.seconds is not None:
        most = min(most, chosen.seconds / cost.measured(scorer).seconds)
    enough = inf
    if chosen.memory is None and scorer.device.type == "cpu":
        enough = tile_size.ENOUGH / (cost.typical_bytes(scorer) + exchanged)

    def fitting(pixels: float) -> tuple[int, ...]:
        return tile_size.fitting_edges(depth, grid.seen, min(pixels, most), enough, grid.least)

    taken = cost.fixed_bytes(scorer)
    budget = (chosen.memory or tile_size.SHARE * memory_free(scorer.device)) - taken
    edges = fitting(budget / (cost.most_bytes(scorer) + exchanged))
    if edges != fitting(most):
        each = cost.measured(scorer).bytes + exchanged
        edges = fitting(budget / each)
        if chosen.memory and each * prod(edges) > budget:
            raise ValueError(
                f"memory of {memory(chosen.memory)} is not enough for the smallest tile, "
                f"{size(edges)} px: allow {memory(each * prod(edges) + taken, least=True)} or more"
            )
    return edges
