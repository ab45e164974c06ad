"""The tile chosen is legal, fits, covers the image evenly, and is as large as it can be."""

from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet import UNet
from napari_unet.core.network.legal_sizes import input_size, is_legal, output_size
from napari_unet.core.segmentation import tile_size
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.scorer import TileScorer
from napari_unet.core.segmentation.tile_size import fitting_edges, given_edges, halved
from napari_unet.core.segmentation.tiling import Tiling, work

steady = settings(deadline=None, derandomize=True)


def by_trial(depth, length, pixels):
    """Return the number of tiles of the largest square tile that fits, along one axis."""
    fitting = [e for e in range(12, int(pixels**0.5) + 1) if is_legal(depth, e)]
    step = output_size(depth, fitting[-1]) // 2**depth * 2**depth
    return 1 + max(ceil((length - output_size(depth, fitting[-1])) / step), 0)


@steady
@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 3000), min_size=2, max_size=3),
    st.integers(300**2, 2000**2),
)
def test_a_chosen_tile_is_legal_fits_and_is_not_larger_than_the_image_needs(depth, shape, pixels):
    edges = fitting_edges(depth, shape, pixels)
    assert all(is_legal(depth, edge) for edge in edges)
    assert all(e <= input_size(depth, n) for e, n in zip(edges, shape, strict=True))
    smallest = input_size(depth, 2**depth)
    assert prod(edges) <= pixels or all(edge <= smallest for edge in edges)
    Tiling(depth, edges).tiles(shape)


@steady
@given(st.integers(1, 4), st.integers(1, 5000), st.integers(350**2, 2500**2))
def test_a_square_image_has_hardly_more_work_than_with_the_largest_square_tile(
    depth, length, pixels
):
    edges = fitting_edges(depth, (length, length), pixels)
    tiling = Tiling(depth, edges)
    counts = [len(spans) for spans in tiling.axes((length, length))]
    assert prod(counts) <= by_trial(depth, length, pixels) ** 2
    assert max(counts) - min(counts) <= 1


def test_more_memory_never_makes_more_work():
    works = []
    for pixels in np.geomspace(220**2, 4300**2, 40):
        edges = fitting_edges(4, (4096, 4096), pixels)
        works.append(work(Tiling(4, edges).axes((4096, 4096))))
    assert works == sorted(works, reverse=True)
    assert works[-1] == input_size(4, 4096) ** 2


def test_tiles_come_out_even():
    assert fitting_edges(4, (2048, 2048), 700**2) == (700, 700)
    assert fitting_edges(4, (1040, 400), 800**2) == (716, 588)


@pytest.mark.parametrize(
    ("depth", "shape", "enough", "edges"),
    [
        (4, (2048, 2048), 3e6, (1212, 2236)),
        (4, (2048, 2048), 2e6, (1212, 1212)),
        (4, (2048, 2048), 6e5, (876, 1212)),  # the next smaller one costs too much
        (4, (700, 700), 1e6, (892, 892)),
        (3, (60, 300, 300), 1e6, (148, 388, 388)),  # much border: in one piece
    ],
)
def test_a_tile_is_no_larger_than_pays(depth, shape, enough, edges):
    assert fitting_edges(depth, shape, 1e9, enough) == edges


def test_by_default_a_tile_stays_below_two_gigabytes():
    """The paper's network in single precision on a large image."""
    image = np.broadcast_to(np.uint8(3), (6000, 6000))
    plan = prepare(image, UNet(base=64), precision="float32").plan()
    assert plan.memory < 2 * 2**30
    assert min(plan.edges) > 900


def test_a_tile_takes_no_longer_than_asked(monkeypatch):
    """The machine is taken to need 1 µs a pixel."""
    monkeypatch.setattr(tile_size, "measured", lambda scorer: tile_size.Cost(100.0, 1e-6))
    image, net = np.zeros((2000, 2000), np.uint8), UNet(base=1, depth=2)
    for seconds in (0.01, 0.1, 1.0):
        edges = prepare(image, net, precision="float32", seconds=seconds).edges
        assert prod(edges) * 1e-6 <= seconds
    with pytest.raises(ValueError, match="seconds is 0: give more than 0"):
        prepare(image, net, seconds=0)


@steady
@given(st.integers(1, 5), st.integers(1, 2000), st.integers(1, 2000))
def test_halving_ends_at_the_smallest_tile(depth, first, second):
    edges = (input_size(depth, first), input_size(depth, second))
    for _ in range(60):
        smaller = halved(depth, edges)
        if smaller is None:
            break
        assert prod(smaller) < prod(edges)
        assert all(is_legal(depth, edge) for edge in smaller)
        edges = smaller
    assert max(edges) <= input_size(depth, 2**depth)


def test_given_tiles_are_legal_or_refused():
    assert given_edges(4, 572, 2) == (572, 572)
    assert given_edges(2, (44, 60), 2) == (44, 60)
    with pytest.raises(ValueError, match=r"571 px .* 556 and 572 px"):
        given_edges(4, 571, 2)
    with pytest.raises(ValueError, match="3 edges for a network of 2 dimensions"):
        given_edges(4, (572,) * 3, 2)


def test_memory_decides_the_tile_and_the_plan_says_so():
    net = UNet(base=2, depth=2)
    image = np.zeros((900, 1100), np.uint8)
    sizes = (1, 4, 16, 400)
    plans = [prepare(image, net, memory=size * 2**20, precision="float32").plan() for size in sizes]
    assert all(plan.memory <= size * 2**20 for plan, size in zip(plans, sizes, strict=True))
    tiles = [plan.tiles for plan in plans]
    assert tiles == sorted(tiles, reverse=True)
    assert tiles[0] > 50
    assert tiles[-1] == 1
    assert plans[-1].edges == (input_size(2, 900), input_size(2, 1100))
    assert all(0 < plan.seconds < 60 for plan in plans)
    assert f"1 tile of {plans[-1].edges[0]} × {plans[-1].edges[1]} px, about" in str(plans[-1])
    assert "each scored 8 times" in str(prepare(image, net, average="rotate").plan())


def test_what_was_measured_is_remembered(monkeypatch):
    net = UNet(base=3, depth=1)
    scorer = TileScorer(net, "float32")
    first = tile_size.measured(scorer)
    monkeypatch.setattr(tile_size, "_measure", None)
    assert tile_size.measured(TileScorer(net, "float32")) is first
    assert tile_size.FEWEST * 12 <= first.bytes <= tile_size.most_bytes(scorer)


def test_too_little_memory_is_said_with_what_is_needed():
    image, net = np.zeros((300, 300), np.uint8), UNet(base=8, depth=2)
    with pytest.raises(ValueError, match=r"of 1\.0 kB .* allow \d+ kB or") as error:
        prepare(image, net, memory=1000)
    needed = float(str(error.value).split("allow ")[1].split()[0])
    assert prepare(image, net, memory=round(needed * 1e3)).edges == (44, 44)
