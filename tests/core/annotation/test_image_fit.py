"""Image and labels must be arrays of numbers that lie on one another; their axes are found."""

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import Annotation

EDGE = 96


OBJECTS = {"zero": "background", "ids": "objects"}


# -- shapes, types, axes


@pytest.mark.parametrize(
    ("image", "labels", "remedy"),
    [
        ((8, 9), (9, 8), "Turn the labels: labels.T has the size of the image."),
        ((8, 9), (4, 9), "Give labels of 8 × 9, a value for every pixel of the image."),
        ((8, 10), (4, 5), "Resize the labels, which are 0.5 times as large, to 8 × 10 with the"
                          " nearest neighbour, never by interpolation."),
        ((8, 9), (8, 9, 3), "Give a number for each class instead of a colour, as in"
                            " labels[..., 0]."),
        ((8, 9), (1, 8, 9), "Leave out the axes of length 1: labels.reshape((8, 9))."),
        ((8, 9, 3), (9, 8), "Turn the labels: labels.T has the size of the image."),
        ((3, 8, 9), (8, 8), "Give labels of 8 × 9, a value for every pixel of the image."),
        ((9,), (9,), "Give an image of 2 to 4 axes, channels not counted, and labels of the same"
                     " size."),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(check, image, labels, remedy):
    found = check(np.zeros(labels, int), np.zeros(image))["shapes"]
    assert found.severity == "error"
    for numbers in (image, labels):
        assert " × ".join(map(str, numbers)) in found.message
    assert found.remedy == remedy


def test_an_array_without_pixels():
    found = Annotation(np.zeros((0, 4)), np.zeros((0, 4), int)).check()
    assert [f.message for f in found] == [
        "The image of shape 0 × 4 holds no pixels.", "The labels of shape 0 × 4 hold no pixels."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "held"),
    [("c8", "complex numbers"), ("U3", "text"), ("M8[s]", "dates"), ("O", "Python objects"),
     ([("a", "u1")], "records of several fields")],
)  # fmt: skip
def test_arrays_that_hold_no_numbers(check, dtype, held):
    array = np.zeros((4, 4), dtype)
    assert f"The image holds {held}" in check(np.zeros((4, 4), int), array)["type"].message
    assert f"The labels hold {held}" in check(array, np.zeros((4, 4)))["type"].message


def test_named_axes_must_name_the_image(check, cells):
    found = check(cells(), axes="YXC", **OBJECTS)["axes"]
    assert found.severity == "error"
    assert "'YXC' names 3 axes and the image of shape (96, 96) has 2" in found.message
    assert check(cells(), np.zeros((EDGE, EDGE, 3)), axes="yxc", **OBJECTS).keys() >= {"constant"}


def test_axes_that_could_be_read_otherwise(check, cells):
    cube = np.random.default_rng(0).normal(size=(9, 9, 9))
    found = check(np.eye(9, dtype=int), cube, **OBJECTS)["axes"]
    assert found.message == "The image of 9 × 9 × 9 is read as YXC; CYX or YCX would fit as well."
    assert "axes" not in check(np.eye(9, dtype=int), cube, axes="YXC", **OBJECTS)
    stack = np.random.default_rng(0).normal(size=(20, EDGE, EDGE))
    found = check(cells(), stack, **OBJECTS)["axes"]
    assert "read as CYX, with 20 channels" in found.message
    assert found.remedy.startswith("If these are planes, give labels for every plane")


@pytest.mark.parametrize(
    ("shape", "severity", "named"),
    [((30, 31, 3), "warning", "axes='YXC'"), ((30, 31, 4), "warning", "axes='YXC'"),
     ((3, 30, 31), "note", "axes='CYX'")],
)  # fmt: skip
def test_colour_given_as_gray(check, shape, severity, named):
    image = np.random.default_rng(0).normal(size=shape)
    found = check(np.zeros(shape, int), image, zero="background")["colour"]
    assert found.severity == severity
    assert named in found.remedy
    labels = np.zeros([n for n in shape if n > 4], int)
    assert "colour" not in check(labels, image, zero="background")
