"""prepare(): decide, once for an image and a network, all that every tile needs.

The contrast of the whole image, the precision, and the largest tile that memory allows.
"""

from dataclasses import replace
from math import ceil, inf, prod
from typing import Any, Unpack

import numpy as np

from napari_unet.core.device import memory_free
from napari_unet.core.network import UNet
from napari_unet.core.normalisation import Contrast, Normalisation
from napari_unet.core.segmenting import choice, cost
from napari_unet.core.segmenting.canonical import SEEN, CanonicalImage
from napari_unet.core.segmenting.grid import Grid
from napari_unet.core.segmenting.options import AllOptions, Options
from napari_unet.core.segmenting.plan import times
from napari_unet.core.segmenting.precision import choose_precision
from napari_unet.core.segmenting.reading import Reader
from napari_unet.core.segmenting.resampling import scales
from napari_unet.core.segmenting.scorer import Scorer
from napari_unet.core.segmenting.scoring import Scoring
from napari_unet.core.sizes import input_size

COMPARED = {2: 192, 3: 16}  # edge of the output of the tile scored in both precisions, in pixels
WORTH = 8  # it is compared where the image has at least so many times the pixels


def prepare(image: Any, network: UNet, **options: Unpack[AllOptions]) -> Scoring:
    """Make ``image`` (anything that can be sliced) and ``network`` ready to score tiles."""
    chosen = Options(**options)
    view = CanonicalImage.of(image, chosen.axes, network.channels, network.dims)
    seen, size = SEEN[network.dims], network.about["pixel_size"]
    grid = Grid(
        network.depth,
        view.places,
        scales(seen, view.places[-network.dims :], chosen.pixel_size, size),
    )
    reader = Reader(view, chosen.contrast or _contrast(view, grid, network), grid)
    scorer = Scorer(network, _precision(network, reader, chosen.precision), chosen.average)
    return Scoring(scorer, reader, _edges(scorer, grid, chosen))


def _contrast(view: CanonicalImage, grid: Grid, network: UNet) -> Contrast:
    """Measure the whole image as the network wants it, whatever the pixel size."""
    view.check_finite()
    normalisation = Normalisation.of(network.about)
    rows = grid.scales[-2]
    flatten = normalisation.flatten * rows.image / rows.network  # in pixels of the image
    return replace(normalisation, flatten=flatten).measure(view, view.axes)


def _precision(network: UNet, reader: Reader, precision: str) -> str:
    """Choose the precision; a tile from the middle of a large image is looked at for it."""
    edges = (input_size(network.depth, COMPARED[network.dims]),) * network.dims
    worth = prod(reader.grid.shape) >= WORTH * prod(edges)

    def sample() -> np.ndarray:
        middle = [length / 2 for length in reader.grid.shape]
        return reader.read(next(reader.grid.tiles(edges, near=middle)))

    return choose_precision(network, precision, sample if worth else None)


def _edges(scorer: Scorer, grid: Grid, chosen: Options) -> tuple[int, ...]:
    """Return the edges asked for, or the largest that memory allows.

    The cost of a pixel is measured only where its bound would make tiles smaller.
    """
    depth, dims = scorer.network.depth, scorer.network.dims
    if chosen.tile is not None:
        return choice.given_edges(depth, chosen.tile, dims)
    exchanged = cost.exchanged(scorer, grid.growth)
    most: float = cost.most_pixels(scorer)
    if chosen.seconds is not None:
        most = min(most, chosen.seconds / cost.measured(scorer).seconds)
    enough = inf
    if chosen.memory is None and scorer.device.type == "cpu":
        enough = choice.ENOUGH / (cost.typical_bytes(scorer) + exchanged)

    def fitting(pixels: float) -> tuple[int, ...]:
        return choice.fitting_edges(depth, grid.seen, min(pixels, most), enough, grid.least)

    taken = cost.fixed_bytes(scorer)
    budget = (chosen.memory or choice.SHARE * memory_free(scorer.device)) - taken
    edges = fitting(budget / (cost.most_bytes(scorer) + exchanged))
    if edges != fitting(most):
        each = cost.measured(scorer).bytes + exchanged
        edges = fitting(budget / each)
        if chosen.memory and each * prod(edges) > budget:
            raise ValueError(
                f"memory of {chosen.memory / 2**20:.4g} MiB is not enough for the smallest tile, "
                f"{times(edges)} px: allow {ceil((each * prod(edges) + taken) / 2**20)} MiB or more"
            )
    return edges
