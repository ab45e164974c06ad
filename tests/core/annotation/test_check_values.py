"""Painted values that mean nothing, or mean something else, and classes without pixels."""

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import Annotation

EDGE = 96

NOISE = np.random.default_rng(0).normal(100, 10, (EDGE, EDGE)).astype(np.float32)

OBJECTS = {"zero": "background", "ids": "objects"}

CLASSES = {"zero": "background", "ids": "classes"}


# -- values


def test_masks_of_black_and_white(check, cells):
    white = np.where(cells() > 0, 255, 0).astype(np.uint8)
    pixels = np.count_nonzero(white)
    for code in ({}, CLASSES):
        found = check(white, **code)["black-and-white"]
        assert found.severity == "error"
        assert found.message == (
            "The labels hold only 0 and 255, as a black-and-white picture does; "
            f"{pixels} label pixels hold 255."
        )
        assert "give labels > 0 with zero='background'" in found.remedy
        assert white[found.where] == 255
    assert check(white, **OBJECTS)["black-and-white"].severity == "warning"
    assert "black-and-white" in check(white.astype(np.uint16) * 257)
    assert "black-and-white" not in check(white // 100, **CLASSES)


def test_a_mask_of_truth_values_is_not_background(check, cells):
    found = check(cells() > 0)["one-class"]
    assert found.message.startswith("Only background is painted")
    assert "say zero='background'" in found.remedy


def test_values_that_mean_nothing(check, cells):
    labels = cells().astype(float)
    labels[3, 4], labels[5, 6], labels[7, 8] = np.nan, np.inf, 1.5
    found = check(labels, **OBJECTS)
    assert found["label-nan"].message == "2 label pixels hold NaN or infinity."
    assert found["label-nan"].where == (3, 4)
    assert found["fractions"].message == (
        "1 label pixel holds a value that is not a whole number, such as 1.5."
    )
    assert found["fractions"].where == (7, 8)
    assert check(np.where(cells() > 0, 1e30, 0), **OBJECTS)["huge"].severity == "error"


def test_negative_values(check, cells):
    labels = cells()
    labels[2, 3:6] = -1
    for zero, remedy in (("background", "np.where(labels < 0, 0, labels + 1)"),
                         ("unlabelled", "labels[labels < 0] = 0")):  # fmt: skip
        found = check(labels, zero=zero, ids="objects")["negative"]
        assert found.message == "3 label pixels hold a negative value; the lowest is -1."
        assert (found.severity, found.where) == ("error", (2, 3))
        assert remedy in found.remedy


@pytest.mark.parametrize(("zero", "last"), [("unlabelled", 255), ("background", 254)])
def test_at_most_254_classes(check, zero, last):
    labels = np.arange(EDGE * EDGE).reshape(EDGE, EDGE) % (last + 1)
    assert Annotation(NOISE, labels, zero=zero).classes.max() == (255 if last == 255 else 254)
    assert Annotation(NOISE, labels, zero=zero).class_count == 255
    found = check(labels + (labels == last), zero=zero)["too-many-classes"]
    assert f"go up to {last + 1}, which would be class 255" in found.message
    assert "say ids='objects'" in found.remedy
    assert "too-many-classes" not in check(labels + 1000, zero=zero, ids="objects")


# -- classes


def test_classes_without_pixels(check, cells):
    labels = np.where(cells() > 0, cells() * 3, 0)  # classes 3, 6, 9, 12
    found = check(labels, **CLASSES)["empty-class"]
    assert (
        found.message == "Classes 1–2, 4–5, 7–8 and 10–11 have no pixels, though class 12 has 113."
    )
    assert "value 1–2, 4–5, 7–8 and 10–11" in found.remedy
    shifted = check(np.where(cells() == 2, 3, 1))["empty-class"]
    assert shifted.message.startswith("Class 1 has no pixels, though class 2 has")
    assert "value 2" in shifted.remedy


def test_one_class_alone_and_no_background(check):
    labels = np.zeros((EDGE, EDGE), np.uint8)
    labels[5:7, 5:10] = 2
    found = check(labels)
    assert found["one-class"].message == "Only class 1 is painted: all 10 pixels that are labelled."
    assert found["one-class"].where == (5, 5)
    assert found["no-background"].message == (
        "Background is never painted: the 10 labelled pixels belong to class 1."
    )
    assert "value 1" in found["no-background"].remedy
    assert found["unlabelled"].message == "99.9 % of the pixels (9\xa0206) are unlabelled."
    labels[20:30, 20:30] = 1
    assert not {"one-class", "no-background"} & set(check(labels))
    empty = check(np.zeros((EDGE, EDGE), int), **OBJECTS)["one-class"]
    assert empty.message == "Only background is painted: all 9\xa0216 pixels that are labelled."


def test_nothing_is_labelled(check):
    found = check(np.zeros((EDGE, EDGE), int))
    assert found["nothing-labelled"].severity == "error"
    assert found["nothing-labelled"].message == "None of the 9\xa0216 pixels is labelled."
    annotation = Annotation(NOISE, np.zeros((EDGE, EDGE), int))
    assert annotation.unlabelled.all(), "a canvas not yet painted can be used all the same"
    assert annotation.class_count == 1


def test_class_balance_counts_labelled_pixels_only(check):
    labels = np.zeros((10, 10), int)
    labels[:5], labels[5] = 1, 2
    found = check(labels, NOISE[:10, :10])["balance"]
    assert found.message == (
        "Of the 60 labelled pixels, 83.3 % are background, 16.7 % are class 1."
    )
    rare = np.ones((EDGE, EDGE), int)
    rare[50, 40:43] = 2
    found = check(rare)["balance"]
    assert (found.severity, found.where) == ("warning", (50, 40))
    assert "class 1, which has 3 pixels" in found.remedy
