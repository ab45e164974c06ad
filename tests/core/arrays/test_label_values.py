"""Values are counted piece by piece, and connected regions are found, as numpy and scipy do."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.arrays.label_values import ConnectedRegions, add, count_values, counting

quick = settings(max_examples=60, deadline=None, derandomize=True)


@quick
@given(
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
               elements=st.integers(0, 3)),
    st.booleans(),
)  # fmt: skip
def test_pieces_are_the_components_of_each_value(values, diagonal):
    axes = "ZYX"[3 - values.ndim :]
    pieces = ConnectedRegions.of(values, axes, diagonal=diagonal)
    structure = ndimage.generate_binary_structure(values.ndim, values.ndim if diagonal else 1)
    seen = 0
    for value in (1, 2, 3):
        expected, total = ndimage.label(values == value, structure)
        for piece in range(1, total + 1):
            (index,) = np.unique(pieces.indices[expected == piece])
            assert pieces.owners[index] == value
            assert pieces.areas[index] == np.count_nonzero(expected == piece)
            assert pieces.place(index) == tuple(np.argwhere(expected == piece)[0])
        seen += total
    assert len(pieces) == seen
    assert pieces.areas[0] == 0


def whole(labels):
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def run(steps):
    """Return how often the generator yielded, and its value."""
    yields = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return yields, end.value
        yields += 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
@pytest.mark.parametrize("shape", [(300,), (20, 31), (4, 9, 17), (1, 5, 1, 7)])
def test_pieces_add_up(dtype, shape):
    labels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    yields, found = run(counting(labels, at_once=50))
    assert found == whole(labels) == count_values(labels)
    assert yields >= labels.size / 50


def test_a_store_is_counted_too():
    labels = zarr.array(np.eye(30, dtype=np.uint8) * 3, chunks=(8, 8))
    assert run(counting(labels))[1] == {0: 870, 3: 30}


def test_what_is_taken_away_leaves_no_zero():
    counts = {0: 5, 2: 3}
    add(counts, {2: 3, 1: 1}, -1)
    assert counts == {0: 5, 1: -1}
