"""Necks are split, and the ridges that training opens go back to the objects."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_unet.core.files.image_file import open_image
from napari_unet.core.objects.label_objects import (
    label_objects,
)
from napari_unet.core.objects.touching_objects import give_back, pieces_of
from napari_unet.core.weights.touching_ridge import open_ridge

DATA = Path(__file__).parents[4] / "shared" / "data"


def scores_from(labels):
    """Return certain scores of two classes: 1 where there is an object."""
    found = (labels > 0).astype(np.float32)
    return np.stack([1 - found, found])


def cells(rng, shape, count):
    """Return labels of roundish objects many of which touch."""
    middle = rng.uniform(0, shape, (count, len(shape)))
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance, nearest = cKDTree(middle).query(places)
    return np.where(distance < 14, nearest + 1, 0)


def mean_iou(truth, found):
    """Return the mean over true objects of the IoU with the object that covers most of it."""
    ious = []
    for number in np.unique(truth[truth > 0]):
        one = truth == number
        covering = np.bincount(found[one])
        covering[0] = 0
        other = found == covering.argmax()
        ious.append((one & other).sum() / (one | other).sum() if covering.any() else 0.0)
    return np.mean(ious)


@pytest.mark.parametrize("shape", [(150, 150), (40, 50, 50)])
def test_most_of_a_ridge_is_given_back_and_free_outlines_stay(shape):
    truth = cells(np.random.default_rng(3), shape, 60)
    opened = open_ridge(truth)
    without = label_objects(scores_from(opened), give_back=False)
    found = label_objects(scores_from(opened))
    assert 1 - mean_iou(truth, found) < (1 - mean_iou(truth, without)) / 3
    assert (found[truth == 0] > 0).sum() < 0.02 * (truth > 0).sum()
    np.testing.assert_array_equal(found[without > 0], without[without > 0])


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", ["dsb2018", "dsb2018_rgb"])
def test_giving_back_the_ridge_brings_real_labels_nearer_to_the_truth(name):
    better = []
    for path in sorted((DATA / name / "train" / "labels").iterdir())[:6]:
        truth = np.asarray(open_image(path).data).astype(np.int32)
        scores = scores_from(open_ridge(truth))
        found, without = label_objects(scores), label_objects(scores, give_back=False)
        better.append(mean_iou(truth, found) - mean_iou(truth, without))
    assert np.mean(better) > 0


def test_a_ridge_goes_to_objects_of_its_class_alone():
    kind = np.zeros((9, 12), int)
    kind[:, :5], kind[:, 7:] = 1, 2
    scores = np.stack([kind == 0, kind == 1, kind == 2]).astype(np.float32) * 0.8
    scores[1] += 0.1
    found = label_objects(scores)  # the ridge looks like class 1, and one object of it is no ridge
    np.testing.assert_array_equal(found > 0, kind > 0)


def test_necks_are_split_and_bodies_are_not():
    places = np.indices((60, 120))
    discs = [((places[0] - 30) ** 2 + (places[1] - x) ** 2) < 20**2 for x in (40, 76)]
    both = scores_from(discs[0] | discs[1])
    assert label_objects(both).max() == 1
    found = label_objects(both, split=2.0)
    assert found.max() == 2
    assert (found[:, :58] <= 1).all()
    assert (found[:, 59:] != 1).all()
    assert label_objects(scores_from(discs[0]), split=2.0).max() == 1
    assert label_objects(both, split=19.0).max() == 1, "a neck less deep than asked for stays"
    assert label_objects(both, split=2.0, min_area=2000).max() == 1, "no piece is too small"


def dumbbell(shape, radius, apart):
    """Two balls in a row; their neck is narrower the further they are ``apart`` (px)."""
    places = np.indices(shape)
    middle = [(n - 1) / 2 for n in shape]
    ends = [[*middle[:-1], middle[-1] + sign * apart / 2] for sign in (-1, 1)]
    squares = [sum((p - c) ** 2 for p, c in zip(places, end, strict=True)) for end in ends]
    return np.minimum(*squares) < radius**2


@pytest.mark.parametrize("shape", [(31, 61), (21, 21, 41)])
def test_a_neck_is_cut_at_its_narrowest(shape):
    radius = shape[0] / 2 - 3
    region = dumbbell(shape, radius, 1.6 * radius)
    pieces = pieces_of(region, 1.0, 0)
    assert np.unique(pieces).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(pieces > 0, region)
    middle = shape[-1] // 2
    assert set(np.unique(pieces[..., :middle])) == {0, 1}
    assert set(np.unique(pieces[..., middle + 1 :])) == {0, 2}
    assert pieces_of(region, 1.0, int((pieces == 1).sum()) + middle**2).max() == 1
    assert pieces_of(region, radius, 0).max() == 1
    assert pieces_of(np.ones(shape, bool), 1.0, 0).max() == 1


def test_only_pixels_between_two_objects_are_given_back():
    ids = np.zeros((9, 20), np.int32)
    ids[2:7, 2:8], ids[2:7, 9:15] = 1, 2  # a ridge of 1 px at column 8
    kinds, wanted = np.array([0, 1, 1], np.uint8), np.ones(ids.shape, np.uint8)
    found = give_back(ids, kinds, wanted)
    expected = ids.copy()
    expected[2:7, 8] = 1  # equally near: the smaller id
    np.testing.assert_array_equal(found[2:7], expected[2:7])
    assert not found[:, 17:].any()
    assert not found[[0, 8]].any(), "a free outline stays"
    np.testing.assert_array_equal(ids[2:7, 8], 0)
    kinds = np.array([0, 1, 2], np.uint8)
    other = give_back(ids, kinds, np.full(ids.shape, 2, np.uint8))
    np.testing.assert_array_equal(other, ids)  # two objects of its class make a ridge
