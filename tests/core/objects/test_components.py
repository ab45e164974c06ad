"""Parts found box by box and joined at the seams are those of scipy on the whole image."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.objects.components import Components, Regions, RegionStore, fill_holes


def boxes(shape, edges):
    """Cut ``shape`` into boxes with ``edges``, in C order."""
    starts = [range(0, size, edge) for size, edge in zip(shape, edges, strict=True)]
    return [
        tuple(slice(a, min(a + e, n)) for a, e, n in zip(corner, edges, shape, strict=True))
        for corner in product(*starts)
    ]


@st.composite
def cases(draw):
    dims = draw(st.sampled_from([2, 3]))
    shape = draw(hnp.array_shapes(min_dims=dims, max_dims=dims, max_side=12 if dims == 2 else 6))
    kinds = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 2)))
    return kinds, tuple(draw(st.integers(1, size)) for size in shape), draw(st.booleans())


@settings(max_examples=80, deadline=None, derandomize=True)
@given(cases())
def test_regions_are_those_of_the_whole_image(case):
    kinds, edges, corners = case
    store = np.full(kinds.shape, -7, np.int32)  # what was in it does not matter
    parts = Components(store, kinds.shape, corners=corners)
    for box in boxes(kinds.shape, edges):
        parts.add(box, kinds[box])
    regions, of_part = parts.regions()
    found = of_part[store]
    structure = ndimage.generate_binary_structure(kinds.ndim, kinds.ndim if corners else 1)
    expected = []
    for kind in (1, 2):
        numbers, count = ndimage.label(kinds == kind, structure)
        expected += [(numbers == n, kind) for n in range(1, count + 1)]
    expected.sort(key=lambda one: one[0].ravel().argmax())
    assert len(regions) == len(expected)
    for number, (one, kind) in enumerate(expected, start=1):
        np.testing.assert_array_equal(found == number, one)
        assert regions.area[number] == one.sum()
        assert regions.first[number] == one.ravel().argmax()
        assert regions.kind[number] == kind
        places = np.argwhere(one)
        assert regions.low[number].tolist() == places.min(0).tolist()
        assert regions.high[number].tolist() == (places.max(0) + 1).tolist()


def store_of(kinds, edges):
    store = np.zeros(kinds.shape, np.int32)
    parts = Components(store, kinds.shape)
    for box in boxes(kinds.shape, edges):
        parts.add(box, kinds[box])
    return RegionStore(store, kinds.shape, *parts.regions())


def whole(kept):
    return kept.read(tuple(slice(0, size) for size in kept.shape))


def test_small_regions_go_and_the_others_are_numbered_on():
    kinds = np.zeros((6, 9), np.uint8)
    kinds[0, 0], kinds[2:4, 2:4], kinds[5, 5:8] = 1, 1, 2  # 1, 4 and 3 pixels
    kept = store_of(kinds, (4, 5))
    kept.drop_small(3)
    expected = np.zeros(kinds.shape, np.int32)
    expected[2:4, 2:4], expected[5, 5:8] = 1, 2
    np.testing.assert_array_equal(whole(kept), expected)
    assert kept.regions.area.tolist() == [0, 4, 3]
    assert kept.regions.kind.tolist() == [0, 1, 2]


@pytest.mark.parametrize("edges", [(12, 14), (5, 4), (3, 14)])
def test_holes_inside_one_object_are_filled_up_to_their_largest_size(edges):
    kinds = np.zeros((12, 14), np.uint8)
    kinds[1:6, 1:6] = 1
    kinds[2:5, 2:5] = 0  # a hole of 9 px
    kinds[7:11, 1:5] = 1
    kinds[8:10, 2:4] = 0  # one of 4 px
    kinds[0:4, 9:14] = 1
    kinds[0:2, 11:13] = 0  # at the edge of the image: no hole
    kinds[6:9, 8:11] = 1
    kinds[7, 9] = 0
    kinds[6:9, 10] = 2  # a hole between two objects
    for largest, filled in ((0, []), (4, [(8, 2)]), (9, [(8, 2), (2, 2)])):
        kept = store_of(kinds, edges)
        before = whole(kept)
        fill_holes(kept, largest, edges)
        found, expected = whole(kept), before.copy()
        for row, column in filled:
            size = 3 if row == 2 else 2
            expected[row : row + size, column : column + size] = before[row - 1, column]
        np.testing.assert_array_equal(found, expected)
        assert kept.regions.area[1:].tolist() == np.bincount(found.ravel())[1:].tolist()


def test_a_region_is_replaced_by_its_pieces():
    kinds = np.zeros((3, 8), np.uint8)
    kinds[1, 1:7], kinds[0, 7] = 1, 1
    kept = store_of(kinds, (3, 8))
    wide = int(whole(kept)[1, 1])
    pieces = Regions.none(2, 2)
    pieces.area[1:], pieces.first[1:], pieces.kind[1:] = (3, 3), (9, 12), 1
    pieces.low[1:], pieces.high[1:] = [(1, 1), (1, 4)], [(2, 4), (2, 7)]
    kept.store[1, 1:4], kept.store[1, 4:7] = 3, 4  # numbered on after two parts
    kept.replace([wide], [pieces])
    assert whole(kept)[1].tolist() == [0, 2, 2, 2, 3, 3, 3, 0]
    assert whole(kept)[0, 7] == 1
    assert kept.regions.area.tolist() == [0, 1, 3, 3]
