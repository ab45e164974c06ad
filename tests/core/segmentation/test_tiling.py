"""Tiles cover every pixel exactly once, on the grid, without waste, and lazily."""

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.network.legal_sizes import border, input_size, is_legal, output_size
from napari_unet.core.segmentation.tiling import Tiling, work

steady = settings(deadline=None, derandomize=True)


@st.composite
def cases(draw, longest=160):
    """A tiling of 1 to 3 axes whose tiles are long enough to be laid side by side, and a shape."""
    depth = draw(st.integers(1, 5))
    outputs = draw(st.lists(st.integers(2**depth, 90), min_size=1, max_size=3))
    tiling = Tiling(depth, tuple(input_size(depth, n) for n in outputs))
    longest = longest if len(outputs) < 3 else 60
    return tiling, draw(st.tuples(*[st.integers(1, longest)] * len(outputs)))


@steady
@given(cases())
def test_every_pixel_is_written_exactly_once(case):
    tiling, shape = case
    written = np.zeros(shape, int)
    for tile in tiling.tiles(shape):
        written[tile.write] += 1
        assert written[tile.write].shape == tile.shape  # none reaches beyond the image
    assert (written == 1).all()


@steady
@given(cases())
def test_tiles_are_legal_on_the_grid_and_no_larger_than_needed(case):
    tiling, shape = case
    grid, context = 2**tiling.depth, border(tiling.depth)
    for tile in tiling.tiles(shape):
        for read, write, edge in zip(tile.read, tile.write, tiling.edges, strict=True):
            length = read.stop - read.start
            assert write.start % grid == 0
            assert read.start == write.start - context
            assert is_legal(tiling.depth, length)
            assert length == input_size(tiling.depth, write.stop - write.start) <= edge


@steady
@given(st.integers(1, 5), st.integers(1, 100_000), st.integers(1, 1200))
def test_one_axis_of_any_length_has_the_fewest_tiles(depth, length, output):
    edge = input_size(depth, max(output, 2**depth))
    spans = Tiling(depth, (edge,)).spans(edge, 0, length)
    assert [s.write.start for s in spans[1:]] == [s.write.stop for s in spans[:-1]]
    assert (spans[0].write.start, spans[-1].write.stop) == (0, length)
    step = output_size(depth, edge) // 2**depth * 2**depth
    assert len(spans) == 1 + max(-(-(length - output_size(depth, edge)) // step), 0)


@steady
@given(cases(), st.data())
def test_a_region_is_covered_from_the_grid_line_before_it(case, data):
    tiling, shape = case
    grid = 2**tiling.depth
    starts = [data.draw(st.integers(0, length - 1)) for length in shape]
    region = [
        slice(start, data.draw(st.integers(start + 1, length)))
        for start, length in zip(starts, shape, strict=True)
    ]
    written, expected = np.zeros(shape, int), np.zeros(shape, int)
    expected[tuple(slice(r.start // grid * grid, r.stop) for r in region)] = 1
    for tile in tiling.tiles(shape, region):
        assert all(place.start % grid == 0 for place in tile.write)
        written[tile.write] += 1
    assert np.array_equal(written, expected)


@steady
@given(cases(), st.data())
def test_the_nearest_tiles_come_first_and_all_of_them_come(case, data):
    tiling, shape = case
    near = [data.draw(st.integers(-20, 180)) for _ in shape]
    tiles = list(tiling.tiles(shape, near=near))
    assert Counter(map(str, tiles)) == Counter(map(str, tiling.tiles(shape)))

    def distance(tile):
        nearest = [np.clip(p, w.start, w.stop - 1) for p, w in zip(near, tile.write, strict=True)]
        return float(np.sum((np.array(nearest) - near) ** 2))

    assert all(distance(a) <= distance(b) for a, b in pairwise(tiles))


def test_planes_are_gone_through_one_by_one_the_nearest_first():
    tiling = Tiling(2, (input_size(2, 8), input_size(2, 8)))
    tiles = list(tiling.tiles((3, 2, 20, 9), near=(1, 1, 19, 0)))
    planes = {str(tile.write[:2]): tile.write[:2] for tile in tiles}
    first = next(iter(planes.values()))
    assert first == (slice(1, 2), slice(1, 2))
    assert len(planes) == 6
    per_plane = len(tiles) // 6
    assert [t.write[:2] for t in tiles[:per_plane]] == [first] * per_plane
    assert tiles[0].write[2:] == (slice(16, 20), slice(0, 8))
    written = np.zeros((3, 2, 20, 9), int)
    for tile in tiles:
        assert tile.read[:2] == tile.write[:2]
        written[tile.write] += 1
    assert (written == 1).all()


@pytest.mark.parametrize("near", [None, (50_000, 50_000)])
def test_millions_of_tiles_are_never_listed(near):
    tiling = Tiling(4, (204, 204))
    tiles = tiling.tiles((100_000, 100_000), near=near)
    assert len(list(islice(tiles, 1000))) == 1000
    axes = tiling.axes((100_000, 100_000))
    assert len(axes[0]) == 6250
    assert work(axes) == (6250 * 204) ** 2


def test_the_paper_tile_leaves_its_last_pixels_to_the_next():
    first, second, last = Tiling(4, (572,)).tiles((1000,))
    assert first == ((slice(-92, 480),), (slice(0, 384),))
    assert second.write == (slice(384, 768),)
    assert last == ((slice(676, 1104),), (slice(768, 1000),))
    assert [tile.write for tile in Tiling(4, (572,)).tiles((388,))] == [(slice(0, 388),)]


def test_an_illegal_edge_is_refused_with_the_nearest_legal_ones():
    with pytest.raises(ValueError, match=r"570 px .* 556 and 572 px"):
        Tiling(4, (570, 572))


def test_a_tile_too_short_for_the_grid_is_refused_unless_the_image_fits_in_it():
    assert len(list(Tiling(4, (188, 188)).tiles((4, 4)))) == 1
    with pytest.raises(ValueError, match=r"scores 4 px, fewer than the 16 px .* at least 204 px"):
        Tiling(4, (188, 188)).tiles((5, 4))


@pytest.mark.parametrize("shape", [(5,), (5, 0), (0, 5, 5)])
def test_an_image_without_pixels_or_axes_is_refused(shape):
    with pytest.raises(ValueError, match="needs 2 axes of at least 1 pixel"):
        Tiling(1, (18, 18)).tiles(shape)
