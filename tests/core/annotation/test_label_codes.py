"""What painted values mean, and the table of the values of a label array."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.annotation.label_codes import LabelTable

quick = settings(max_examples=60, deadline=None, derandomize=True)


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


CODES = [(zero, ids) for zero in ("unlabelled", "background") for ids in ("classes", "objects")]


def meaning(value, zero, ids):
    """The code of values, pixel by pixel: class and object, as the design states it."""
    if zero == "unlabelled":
        if value == 0:
            return 255, 0
        value -= 1
    if value == 0:
        return 0, 0
    return (1, value + (zero == "unlabelled")) if ids == "objects" else (value, None)


@quick
@given(st.data(), st.sampled_from(CODES), st.sampled_from("?bBhHiIlLqQefdg"))
def test_every_value_means_what_the_code_says(data, code, kind):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=5))
    values = data.draw(
        hnp.arrays(np.int64, shape, elements=st.integers(0, 1 if kind == "?" else 6))
    )
    annotation = Annotation(np.zeros(shape), values.astype(kind), zero=code[0], ids=code[1])
    assert annotation.classes.dtype == np.uint8
    assert annotation.objects.dtype == np.int32
    for pixel, value in np.ndenumerate(values):
        label, thing = meaning(int(value), *code)
        assert annotation.classes[pixel] == label
        assert annotation.unlabelled[pixel] == (label == 255 == UNLABELLED)
        assert thing is None or annotation.objects[pixel] == thing
    legal = annotation.classes[~annotation.unlabelled]
    assert annotation.class_count == legal.max(initial=0) + 1


def test_an_id_beyond_int32_is_numbered_afresh():
    values = np.array([[0, 2**31 + 7, 2**40]])
    found = Annotation(np.zeros((1, 3)), values, zero="background", ids="objects").objects
    assert found.tolist() == [[0, 1, 2]]
    kept = Annotation(np.zeros((1, 3)), values % 2**31, zero="background", ids="objects").objects
    assert kept.tolist() == [[0, 7, 0]]
    largest = np.array([[0, 2**31 - 1]])
    whole = Annotation(np.zeros((1, 2)), largest, zero="background", ids="objects").objects
    assert whole.tolist() == largest.tolist()
