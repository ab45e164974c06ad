"""A stroke is obeyed around itself at once, and nothing far away changes for it."""

import numpy as np
import pytest

from napari_unet.core.teaching.blended_scores import NEAR, REACH, StrokeNeighbourhood

PIXELS = np.array([[30, 40], [30, 41], [31, 41]], np.int32)


def test_its_share_falls_with_the_distance_from_the_stroke():
    area = StrokeNeighbourhood.around((), 1, PIXELS)
    for row, column in np.ndindex(area.share.shape):
        at = np.array([row, column]) + area.corner
        distance = np.sqrt(((PIXELS - at) ** 2).sum(axis=1)).min()
        expected = min(max((REACH - distance) / (REACH - NEAR), 0), 1)
        assert area.share[row, column] == pytest.approx(expected, abs=1e-6)


def test_it_meets_boxes_of_its_plane_only():
    area = StrokeNeighbourhood.around((2,), 1, PIXELS)
    assert area.met((2,), (slice(0, 20), slice(0, 99))) == (slice(6, 20), slice(16, 66))
    assert area.met((1,), (slice(0, 20), slice(0, 99))) is None
    assert area.met((2,), (slice(0, 6), slice(0, 99))) is None


def test_only_what_looks_like_the_stroke_is_mended():
    area = StrokeNeighbourhood.around((), 1, PIXELS)
    box = (slice(28, 33), slice(38, 60))
    rng = np.random.default_rng(0)
    values, near = rng.normal(size=(2, 3, 5, 22))
    found = area.corrected(values, near, box)
    share = area.share[28 - area.corner[0] : 33 - area.corner[0]][:, 38 - area.corner[1] :][:, :22]
    same = near.argmax(0) == 1
    assert same.any()
    np.testing.assert_array_equal(found[:, ~same], values[:, ~same])
    np.testing.assert_allclose(found, np.where(same, values + share * (near - values), values))
    assert (found.argmax(0)[same & (share == 1)] == 1).all()
