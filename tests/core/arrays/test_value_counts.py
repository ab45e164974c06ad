"""Counting piece by piece, against numpy at once."""

import numpy as np
import pytest
import zarr

from napari_unet.core.arrays import label_values
from napari_unet.core.arrays.label_values import add, count_values, counting


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
def test_pieces_add_up(dtype, shape, monkeypatch):
    monkeypatch.setattr(label_values, "PIECE", 50)
    labels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    yields, found = run(counting(labels))
    assert found == whole(labels) == count_values(labels)
    assert yields >= labels.size / 50


def test_a_store_is_counted_too():
    labels = zarr.array(np.eye(30, dtype=np.uint8) * 3, chunks=(8, 8))
    assert run(counting(labels))[1] == {0: 870, 3: 30}


def test_what_is_taken_away_leaves_no_zero():
    counts = {0: 5, 2: 3}
    add(counts, {2: 3, 1: 1}, -1)
    assert counts == {0: 5, 1: -1}
