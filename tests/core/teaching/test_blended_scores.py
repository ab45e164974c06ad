"""A stroke is obeyed around itself at once, and nothing far away changes for it."""

import numpy as np
import pytest
import torch

from napari_unet import UNet
from napari_unet.core.fast_conv.network import accelerated
from napari_unet.core.teaching import blended_scores
from napari_unet.core.teaching.blended_scores import (
    NEAR,
    REACH,
    BlendedScorer,
    StrokeNeighbourhood,
    TilePlace,
)

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


def test_the_tiles_of_a_preview_are_scored_by_a_faster_copy_and_say_the_same(monkeypatch):
    torch.manual_seed(3)
    network, taught = (UNet(base=12, depth=2, norm="weight").eval() for _ in range(2))
    weights = {name: weight.clone() for name, weight in taught.state_dict().items()}
    made = []

    def copied(given):
        made.append(accelerated(given))
        return made[-1]

    monkeypatch.setattr(blended_scores, "faster_copy", copied)
    scorer = BlendedScorer(network, weights)
    other = scorer.with_beside(None)
    for number, (edge, copies) in enumerate([(64, 0), (256, 1), (64, 1)]):
        tiles = np.random.default_rng(number).random((2, 1, *(network.input_size(edge),) * 2), "f4")
        places = [TilePlace((number, k), ((0, edge), (0, edge))) for k in range(2)]
        for one in (scorer, other):
            values = np.stack(one.values(tiles, places))
            with torch.inference_mode():
                expected = taught(torch.from_numpy(tiles)).numpy()
            np.testing.assert_allclose(values, expected, atol=1e-4)
            np.testing.assert_array_equal(values.argmax(1), expected.argmax(1))
        assert len(made) == copies
    assert not any(one is None for one in made)
