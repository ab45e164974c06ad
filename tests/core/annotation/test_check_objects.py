"""Specks, ids in several pieces, objects painted as one and objects that touch are found."""

import numpy as np
import pytest

from napari_unet.core.annotation.check_objects import count_lobes
from napari_unet.core.arrays.label_values import ConnectedRegions

EDGE = 96

NOISE = np.random.default_rng(0).normal(100, 10, (EDGE, EDGE)).astype(np.float32)

OBJECTS = {"zero": "background", "ids": "objects"}

CLASSES = {"zero": "background", "ids": "classes"}


def disc(labels, centre, radius, value):
    """Paint a disc, or a ball."""
    grid = np.indices(labels.shape)
    squares = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
    labels[squares <= radius**2] = value
    return labels


# -- objects


def test_specks(check):
    labels = np.zeros((EDGE, EDGE), int)
    for value in range(1, 6):
        labels[10 * value : 10 * value + 5, 20:60] = value  # 200 pixels each
    labels[90, 90], labels[92, 92], labels[0, 5:7] = 6, 7, 8  # 1, 1 and just 1 %
    found = check(labels, **OBJECTS)["specks"]
    assert found.message == (
        "2 objects are smaller than 1 % of the median area of 200 pixels: 1 pixel and 1 pixel."
    )
    assert (found.where, found.objects) == ((90, 90), (6, 7))
    assert check(labels > 0, **CLASSES)["specks"].message.startswith("2 pieces are smaller")
    several = np.where(labels > 5, 2, labels > 0)  # a class of small things has no specks
    assert "specks" not in check(several, **CLASSES)


def test_disjoint_pieces_of_one_id(check, cells):
    labels = cells()
    labels[80:84, 80:84], labels[0, 0] = 2, 3
    labels[11, 11] = 1  # touches its disc at no corner
    found = check(labels, **OBJECTS)["several-pieces"]
    assert found.message == "3 objects lie in several pieces: id 1 in 2, id 2 in 2 and id 3 in 2."
    assert found.objects == (1, 2, 3)
    diagonal = cells()
    diagonal[20, 31], diagonal[19, 32] = 1, 1  # a corner is enough to be one
    assert "several-pieces" not in check(diagonal, **OBJECTS)


def test_pieces_of_one_id_are_counted_in_each_volume_or_frame(check, cells):
    labels = np.stack([cells(), np.roll(cells(), 5, 1), cells()])
    image = np.stack([NOISE, NOISE + 1, NOISE])
    assert "several-pieces" not in check(labels, image, axes="TYX", **OBJECTS)
    labels[1] = 0
    assert check(labels, image, axes="ZYX", **OBJECTS)["several-pieces"].objects == (1, 2, 3, 4)
    assert "name the axis T" in check(labels, image, axes="ZYX", **OBJECTS)["several-pieces"].remedy
    assert "several-pieces" not in check(labels, image, axes="TYX", **OBJECTS)


def test_scattered_pieces_look_like_classes(check):
    labels = np.zeros((EDGE, EDGE), int)
    labels[::8, ::8] = 1
    found = check(labels, **OBJECTS)["several-pieces"]
    assert "id 1 in 144" in found.message
    assert "say ids='classes'" in found.remedy


def test_object_ids_given_as_classes(check):
    labels = np.zeros((EDGE, EDGE), int)
    for k in range(9):
        disc(labels, (15 + 30 * (k // 3), 15 + 30 * (k % 3)), 8, k + 1)
    found = check(labels, **CLASSES)["objects-as-classes"]
    assert found.message.startswith("There are 9 classes and most have a single piece")
    assert "objects-as-classes" not in check(np.where(labels == 9, 0, labels) % 8, **CLASSES)


def test_touching_objects_are_named(check, cells):
    labels = cells()
    labels[20, 31:52] = 5  # from disc 1, whose edge is at 30, to disc 2, which starts at 52
    found = check(labels, **OBJECTS)["touching"]
    assert found.message == (
        "There is no background between the touching objects 1 and 5, nor between 1 more pair."
    )
    assert (found.severity, found.objects) == ("note", (1, 2, 5))
    assert found.where == (20, 30)
    assert "touching" not in check(labels, **CLASSES)


def test_frames_do_not_touch(check, cells):
    labels = np.stack([cells(), np.where(cells() > 0, cells() + 10, 0)])
    image = np.stack([NOISE, NOISE])
    assert "touching" not in check(labels, image, axes="TYX", **OBJECTS)
    assert check(labels, image, axes="ZYX", **OBJECTS)["touching"].objects == (
        1,
        2,
        3,
        4,
        11,
        12,
        13,
        14,
    )


def scene(*balls, shape=(EDGE, EDGE)):
    labels = np.zeros(shape, np.int32)
    for centre, radius in balls:
        disc(labels, centre, radius, 1)
    return labels


def comb(labels):
    labels[:60:3, 5:90] = 1
    labels[:60, 5::40] = 1
    return labels


def lobes_of(labels, axes="YX"):
    return count_lobes(ConnectedRegions.of(labels, axes, diagonal=True))[1:].tolist()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (scene(((30, 30), 15), ((30, 58), 15)), [2]),
        (scene(((30, 25), 15), ((30, 53), 14), ((55, 40), 15)), [3]),
        (scene(((40, 40), 20)), [0]),
        (scene(((40, 40), 20), ((40, 62), 5)), [0]),  # a bump is no cell
        (scene(((40, 30), 20), ((40, 60), 10)), [0]),  # nor is one half as deep
        (comb(scene(((60, 20), 10), ((60, 75), 10))), [0]),  # a small part of a branched thing
        (scene(((0, 0), 30), ((0, 95), 30)), [0, 0]),  # cut by the edge of the image
        ((np.indices((EDGE, EDGE)).sum(0) % 12 < 3).astype(np.int32), [0] * 16),  # stripes
        (np.ones((EDGE, EDGE), np.int32), [0]),
    ],
    ids=["two", "three", "disc", "bump", "half", "comb", "edge", "stripes", "all"],
)
def test_touching_objects_painted_as_one(labels, expected):
    assert lobes_of(labels) == expected


def test_touching_objects_painted_as_one_in_a_volume_and_over_time():
    pair = scene(((20, 20, 14), 12), ((20, 20, 36), 12), shape=(40, 40, 50))
    assert lobes_of(pair, "ZYX") == [2]
    flat = scene(((20, 14), 12), ((20, 36), 12), shape=(40, 50))
    assert lobes_of(np.stack([flat, flat * 0, flat]), "TYX") == [2, 2]


def test_touching_objects_with_one_id(check):
    labels = scene(((30, 30), 15), ((30, 58), 15)) * 7
    found = check(labels, **OBJECTS)["touching-one-id"]
    assert found.message == (
        "1 object looks like touching objects with nothing between them: id 7 like 2."
    )
    assert found.objects == (7,)
    assert labels[found.where] == 7
    found = check(labels > 0, **CLASSES)["touching-one-id"]
    assert "paint a line of background one pixel wide" in found.remedy
    assert found.severity == "warning"
