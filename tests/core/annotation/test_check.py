"""Each check finds what it is for, with the numbers, and leaves good annotations alone."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.annotation.check_objects import count_lobes
from napari_unet.core.annotation.finding import Finding
from napari_unet.core.annotation.label_codes import LabelTable
from napari_unet.core.arrays.label_values import ConnectedRegions
from napari_unet.core.text import count, listed, ranges, share

quick = settings(max_examples=60, deadline=None, derandomize=True)
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


def cells():
    """Four discs of 113 to 317 pixels, ids 1 to 4, background 0."""
    labels = np.zeros((EDGE, EDGE), np.int32)
    for value, (centre, radius) in enumerate(
        [((20, 20), 10), ((20, 60), 8), ((60, 20), 9), ((60, 60), 6)], start=1
    ):
        disc(labels, centre, radius, value)
    return labels


def check(labels, image=NOISE, **change):
    return {finding.what: finding for finding in Annotation(image, labels, **change).check()}


def test_good_annotations_are_left_alone():
    for labels, code in (
        (cells(), OBJECTS),
        (cells() > 0, CLASSES),
        (np.where(cells() > 0, 2, 1), {}),
        (np.where(cells() > 0, cells() + 1, 1), {"ids": "objects"}),
    ):
        found = check(labels, **code)
        assert {what: f.severity for what, f in found.items()} == {"balance": "note"}
    stroked = np.zeros((EDGE, EDGE), np.uint8)
    stroked[10:14, 10:40], stroked[50:54, 50:80] = 1, 2
    assert {f.severity for f in check(stroked).values()} == {"note"}
    assert set(check(stroked)) == {"balance", "unlabelled"}


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
def test_shapes_that_do_not_fit(image, labels, remedy):
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
def test_arrays_that_hold_no_numbers(dtype, held):
    array = np.zeros((4, 4), dtype)
    assert f"The image holds {held}" in check(np.zeros((4, 4), int), array)["type"].message
    assert f"The labels hold {held}" in check(array, np.zeros((4, 4)))["type"].message


def test_named_axes_must_name_the_image():
    found = check(cells(), axes="YXC", **OBJECTS)["axes"]
    assert found.severity == "error"
    assert "'YXC' names 3 axes and the image of shape (96, 96) has 2" in found.message
    assert check(cells(), np.zeros((EDGE, EDGE, 3)), axes="yxc", **OBJECTS).keys() >= {"constant"}


def test_axes_that_could_be_read_otherwise():
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
def test_colour_given_as_gray(shape, severity, named):
    image = np.random.default_rng(0).normal(size=shape)
    found = check(np.zeros(shape, int), image, zero="background")["colour"]
    assert found.severity == severity
    assert named in found.remedy
    labels = np.zeros([n for n in shape if n > 4], int)
    assert "colour" not in check(labels, image, zero="background")


# -- values


def test_masks_of_black_and_white():
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


def test_a_mask_of_truth_values_is_not_background():
    found = check(cells() > 0)["one-class"]
    assert found.message.startswith("Only background is painted")
    assert "say zero='background'" in found.remedy


def test_values_that_mean_nothing():
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


def test_negative_values():
    labels = cells()
    labels[2, 3:6] = -1
    for zero, remedy in (("background", "np.where(labels < 0, 0, labels + 1)"),
                         ("unlabelled", "labels[labels < 0] = 0")):  # fmt: skip
        found = check(labels, zero=zero, ids="objects")["negative"]
        assert found.message == "3 label pixels hold a negative value; the lowest is -1."
        assert (found.severity, found.where) == ("error", (2, 3))
        assert remedy in found.remedy


@pytest.mark.parametrize(("zero", "last"), [("unlabelled", 255), ("background", 254)])
def test_at_most_254_classes(zero, last):
    labels = np.arange(EDGE * EDGE).reshape(EDGE, EDGE) % (last + 1)
    assert Annotation(NOISE, labels, zero=zero).classes.max() == (255 if last == 255 else 254)
    assert Annotation(NOISE, labels, zero=zero).class_count == 255
    found = check(labels + (labels == last), zero=zero)["too-many-classes"]
    assert f"go up to {last + 1}, which would be class 255" in found.message
    assert "say ids='objects'" in found.remedy
    assert "too-many-classes" not in check(labels + 1000, zero=zero, ids="objects")


# -- classes


def test_classes_without_pixels():
    labels = np.where(cells() > 0, cells() * 3, 0)  # classes 3, 6, 9, 12
    found = check(labels, **CLASSES)["empty-class"]
    assert (
        found.message == "Classes 1–2, 4–5, 7–8 and 10–11 have no pixels, though class 12 has 113."
    )
    assert "value 1–2, 4–5, 7–8 and 10–11" in found.remedy
    shifted = check(np.where(cells() == 2, 3, 1))["empty-class"]
    assert shifted.message.startswith("Class 1 has no pixels, though class 2 has")
    assert "value 2" in shifted.remedy


def test_one_class_alone_and_no_background():
    labels = np.zeros((EDGE, EDGE), np.uint8)
    labels[5:7, 5:10] = 2
    found = check(labels)
    assert found["one-class"].message == "Only class 1 is painted: all 10 pixels that are labelled."
    assert found["one-class"].where == (5, 5)
    assert found["no-background"].message == (
        "Background is never painted: the 10 labelled pixels belong to class 1."
    )
    assert "value 1" in found["no-background"].remedy
    assert found["unlabelled"].message == "99.9 % of the pixels (9 206) are unlabelled."
    labels[20:30, 20:30] = 1
    assert not {"one-class", "no-background"} & set(check(labels))
    empty = check(np.zeros((EDGE, EDGE), int), **OBJECTS)["one-class"]
    assert empty.message == "Only background is painted: all 9 216 pixels that are labelled."


def test_nothing_is_labelled():
    found = check(np.zeros((EDGE, EDGE), int))
    assert found["nothing-labelled"].severity == "error"
    assert found["nothing-labelled"].message == "None of the 9 216 pixels is labelled."
    annotation = Annotation(NOISE, np.zeros((EDGE, EDGE), int))
    assert annotation.unlabelled.all(), "a canvas not yet painted can be used all the same"
    assert annotation.class_count == 1


def test_class_balance_counts_labelled_pixels_only():
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


# -- objects


def test_specks():
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


def test_disjoint_pieces_of_one_id():
    labels = cells()
    labels[80:84, 80:84], labels[0, 0] = 2, 3
    labels[11, 11] = 1  # touches its disc at no corner
    found = check(labels, **OBJECTS)["several-pieces"]
    assert found.message == "3 objects lie in several pieces: id 1 in 2, id 2 in 2 and id 3 in 2."
    assert found.objects == (1, 2, 3)
    diagonal = cells()
    diagonal[20, 31], diagonal[19, 32] = 1, 1  # a corner is enough to be one
    assert "several-pieces" not in check(diagonal, **OBJECTS)


def test_pieces_of_one_id_are_counted_in_each_volume_or_frame():
    labels = np.stack([cells(), np.roll(cells(), 5, 1), cells()])
    image = np.stack([NOISE, NOISE + 1, NOISE])
    assert "several-pieces" not in check(labels, image, axes="TYX", **OBJECTS)
    labels[1] = 0
    assert check(labels, image, axes="ZYX", **OBJECTS)["several-pieces"].objects == (1, 2, 3, 4)
    assert "name the axis T" in check(labels, image, axes="ZYX", **OBJECTS)["several-pieces"].remedy
    assert "several-pieces" not in check(labels, image, axes="TYX", **OBJECTS)


def test_scattered_pieces_look_like_classes():
    labels = np.zeros((EDGE, EDGE), int)
    labels[::8, ::8] = 1
    found = check(labels, **OBJECTS)["several-pieces"]
    assert "id 1 in 144" in found.message
    assert "say ids='classes'" in found.remedy


def test_object_ids_given_as_classes():
    labels = np.zeros((EDGE, EDGE), int)
    for k in range(9):
        disc(labels, (15 + 30 * (k // 3), 15 + 30 * (k % 3)), 8, k + 1)
    found = check(labels, **CLASSES)["objects-as-classes"]
    assert found.message.startswith("There are 9 classes and most have a single piece")
    assert "objects-as-classes" not in check(np.where(labels == 9, 0, labels) % 8, **CLASSES)


def test_touching_objects_are_named():
    labels = cells()
    labels[20, 31:52] = 5  # from disc 1, whose edge is at 30, to disc 2, which starts at 52
    found = check(labels, **OBJECTS)["touching"]
    assert found.message == (
        "There is no background between the touching objects 1 and 5, nor between 1 more pair."
    )
    assert (found.severity, found.objects) == ("note", (1, 2, 5))
    assert found.where == (20, 30)
    assert "touching" not in check(labels, **CLASSES)


def test_frames_do_not_touch():
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


def test_touching_objects_with_one_id():
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


# -- the image


def test_nan_and_infinity_are_counted():
    image = np.stack([NOISE, NOISE], axis=-1)
    image[4, 5, 1], image[6, 7, 0], image[8, 9] = np.nan, -np.inf, np.inf
    found = check(cells(), image, **OBJECTS)["not-finite"]
    assert found.message == "The image holds 1 NaN and 3 infinite values, 0.0217 % of all."
    assert found.severity == "warning"
    assert image[found.where].tolist().count(-np.inf) == 1, "the first in the first channel"
    nothing = check(cells(), np.full((EDGE, EDGE), np.nan), **OBJECTS)["not-finite"]
    assert nothing.severity == "error"


@pytest.mark.parametrize("dtype", ["u1", "i2", "u8", "f2", "f8", "g"])
def test_constant_image(dtype):
    found = check(cells(), np.full((EDGE, EDGE), 7, dtype), **OBJECTS)["constant"]
    assert found.message == "The image holds one value everywhere: 7."
    colour = np.stack([NOISE, NOISE * 2, np.full_like(NOISE, 255)], axis=-1)
    found = check(cells(), colour, **OBJECTS)["constant"]
    assert found.message == "Channel 2 holds one value everywhere: 255."


def test_saturated_image():
    image = np.minimum(np.random.default_rng(1).normal(200, 40, (EDGE, EDGE)), 255).astype(np.uint8)
    at_top = np.count_nonzero(image == 255)
    found = check(cells(), image, **OBJECTS)["saturated"]
    assert f"({at_top}) hold 255" in found.message
    assert image[found.where] == 255
    flat = (np.indices((EDGE, EDGE))[0] * 2).astype(np.uint8)  # 1.04 % of the pixels at each value
    assert "saturated" not in check(cells(), flat, **OBJECTS)
    assert "saturated" not in check(cells(), **OBJECTS)
    assert "saturated" not in check(cells(), np.minimum(NOISE, 125), **OBJECTS), "0.6 % is little"


def test_labels_given_as_image():
    found = check(cells(), (cells() > 0) * 200.0, **OBJECTS)["two-values"]
    assert found.message == "The image holds only two values, 0 and 200, as labels do."
    assert check(cells(), cells(), **OBJECTS)["same"].severity == "error"


def test_gray_stored_in_colour():
    found = check(cells(), np.stack([NOISE] * 3, axis=-1), **OBJECTS)
    assert found["gray-as-colour"].severity == "warning"
    assert "gray-as-colour" not in check(cells(), np.stack([NOISE] * 2, axis=-1), **OBJECTS)


# -- what they are made of


@quick
@given(
    hnp.arrays(
        st.sampled_from(["?", "u1", "i1", "i4", "u8", "i8", "f4"]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
    )
)
def test_palette_holds_each_value_once(labels):
    palette = LabelTable.of(labels)
    values, counts = np.unique(labels, return_counts=True)
    assert np.array_equal(
        palette.values.astype(values.dtype), values, equal_nan=labels.dtype == "f4"
    )
    assert palette.counts.tolist() == counts.tolist()
    assert np.array_equal(palette.values[palette.indices].astype(labels.dtype), labels,
                          equal_nan=labels.dtype == "f4")  # fmt: skip
    first = palette.where(palette.values == palette.values[-1])
    expected = np.argwhere(labels == values[-1])
    assert len(expected) == 0 or first == tuple(expected[0])


def test_palette_holds_the_largest_integers():
    labels = np.array([[2**64 - 1, 2**64 - 3]], np.uint64)
    assert LabelTable.of(labels).values.tolist() == [2**64 - 3, 2**64 - 1]
    assert LabelTable.of(-(labels // 2).astype(np.int64)).values.tolist() == [1 - 2**63, 2 - 2**63]


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


def test_the_guide_explains_every_finding():
    root = Path(__file__).parents[3]
    checks = (root / "src" / "napari_unet" / "core" / "annotation").glob("*.py")
    source = "".join(path.read_text("utf-8") for path in checks)
    keys = set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    assert len(keys) > 20
    table = (root / "docs" / "annotations.md").read_text("utf-8").split("| key |")[1]
    assert keys == {
        key for row in table.splitlines() if row.startswith("| `")
        for key in re.findall(r"`([a-z-]+)`", row.split("|")[1])
    }  # fmt: skip


def test_words():
    assert [count(1, "pixel"), count(12345, "class")] == ["1 pixel", "12 345 classes"]
    shares = [share(0, 9), share(1, 10**6), share(1, 3), share(999_999, 10**6), share(5, 5)]
    assert shares == ["0 %", "less than 0.01 %", "33.3 %", "more than 99.9 %", "100 %"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c", "d"]) == "a, b, c and d"
    assert listed(list("abcde"), "or") == "a, b, c or 2 more"
    assert ranges([1, 2, 3, 5, 8, 9]) == ["1–3", "5", "8–9"]


def test_a_finding_is_one_sentence():
    finding = Finding("what", "note", "This is so.", "Do that.")
    assert str(finding) == "This is so; do that"
