"""Kept scores: how exactly they are kept, and labels made anew of them."""

import numpy as np
import pytest

from napari_unet.core.objects.label_objects import ObjectSettings, foreground, label_objects
from napari_unet.core.segmentation.kept_scores import ScoreCache, relabel, relabel_tile
from napari_unet.core.segmentation.tiling import Tile

SETTINGS = ObjectSettings(dims=2)


def scores_of(shape, seed=0, classes=2):
    found = np.random.default_rng(seed).random((classes, *shape)).astype(np.float32)
    return found / found.sum(axis=0)


def whole(shape):
    place = tuple(slice(0, edge) for edge in shape)
    return Tile(place, place)


@pytest.mark.parametrize(
    ("edge", "kind", "error"),
    [(5_000, "float32", 0), (15_000, "float16", 2**-12), (25_000, "uint8", 0.5 / 255)],
)
def test_scores_are_kept_with_the_error_that_is_promised(edge, kind, error):
    scores = scores_of((40, 50))
    kept = ScoreCache(2, (edge, edge), (0, 1))  # takes memory only for what is written
    kept.write(whole((40, 50)), scores)
    assert kept.dtype == kind
    found = kept[:, 3:20, 5:9]
    assert found.dtype == np.float32
    assert np.abs(found - scores[:, 3:20, 5:9]).max() <= error + 1e-7


def test_what_was_not_scored_shows_what_was_there():
    scores, base = scores_of((40, 50)), np.zeros((40, 50), np.uint16)
    base[2:6, 30:40], base[20:24, 2:6] = 1, 7
    kept = ScoreCache(2, (40, 50), (0, 1))
    place = (slice(0, 40), slice(0, 25))
    inside = np.ones((40, 25), bool)
    inside[30:] = False
    kept.write(Tile(place, place), scores[(slice(None), *place)], inside)
    found = relabel(kept, SETTINGS, True, base)
    masked = np.where(kept.scored, scores, 0)
    new = label_objects(masked, settings=SETTINGS)
    scored = kept.scored
    assert scored.sum() == 30 * 25
    np.testing.assert_array_equal(found.labels[scored], new[scored])
    outside = np.where(base > 0, base + len(np.unique(new)) - 1, 0)
    np.testing.assert_array_equal(found.labels[~scored], outside[~scored])
    assert len(found.kinds) == found.labels.max() + 1
    classes = relabel(kept, SETTINGS, False, base)
    np.testing.assert_array_equal(classes.labels[scored], foreground(scores, 0.5)[scored])
    assert classes.labels.dtype == np.uint8


def test_axes_in_any_order():
    scores = scores_of((6, 30, 20), classes=3)
    kept = ScoreCache(3, (30, 20, 6), (1, 2, 0))  # Y, X, Z as they lie
    turned = np.ascontiguousarray(scores.transpose(0, 2, 3, 1))
    kept.write(whole((30, 20, 6)), turned)
    expected = label_objects(scores, settings=SETTINGS).transpose(1, 2, 0)
    np.testing.assert_array_equal(relabel(kept, SETTINGS, True).labels, expected)
    tile = relabel_tile(turned, SETTINGS, True, (1, 2, 0))
    np.testing.assert_array_equal(tile, expected)


def test_small_areas_matter_to_classes_too():
    scores = scores_of((40, 50), classes=3)
    kept = ScoreCache(3, (40, 50), (0, 1))
    kept.write(whole((40, 50)), scores)
    settings = ObjectSettings(dims=2, min_area=6, give_back=False)
    objects = label_objects(scores, settings=settings)
    found = relabel(kept, settings, False).labels
    np.testing.assert_array_equal(found, np.where(objects > 0, foreground(scores, 0.5), 0))
