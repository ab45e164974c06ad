"""An annotation means what the code of values says, is frozen, and takes any two arrays."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.annotation.annotation import Annotation, Finding
from napari_unet.core.annotation.finding import SEVERITIES

CODES = [(zero, ids) for zero in ("unlabelled", "background") for ids in ("classes", "objects")]
quick = settings(max_examples=60, deadline=None, derandomize=True)


@quick
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
               elements=st.integers(0, 3)),
    st.sampled_from(["ZYX", "TYX", "YXT"]),
)  # fmt: skip
def test_objects_of_classes_are_connected_foreground(values, axes):
    """Neighbours along Y, X (and Z) belong together whatever their class; times never do."""
    found = Annotation(np.zeros(values.shape), values, axes=axes).objects
    structure = ndimage.generate_binary_structure(3, 1)
    if "T" in axes:
        time_axis = np.moveaxis(structure, axes.index("T"), 0)
        time_axis[[0, 2]] = False
    expected, count = ndimage.label(values > 1, structure)
    pairs = set(zip(found.ravel(), expected.ravel(), strict=True))
    assert len(pairs) == len(np.unique(expected)), "the same pieces, whatever their numbers"
    assert (found.max(), (found > 0).tolist()) == (count, (values > 1).tolist())


def test_volumes_over_time_have_their_own_objects():
    values = np.full((2, 3, 4, 5), 2)
    objects = Annotation(np.zeros(values.shape), values).objects
    assert [np.unique(frame).tolist() for frame in objects] == [[1], [2]]


@pytest.mark.parametrize(
    ("image", "labels", "axes", "channels"),
    [
        ((8, 9), (8, 9), "YX", 1),
        ((8, 9, 3), (8, 9), "YXC", 3),
        ((2, 8, 9), (8, 9), "CYX", 2),
        ((8, 2, 9), (8, 9), "YCX", 2),
        ((5, 8, 9), (5, 8, 9), "ZYX", 1),
        ((5, 2, 8, 9), (5, 8, 9), "ZCYX", 2),
        ((4, 5, 8, 9), (4, 5, 8, 9), "TZYX", 1),
        ((4, 5, 8, 9, 2), (4, 5, 8, 9), "TZYXC", 2),
        ((6, 6, 6), (6, 6), "YXC", 6),
    ],
)
def test_axes_are_found_from_both_shapes(image, labels, axes, channels):
    annotation = Annotation(np.zeros(image), np.zeros(labels, int))
    assert (annotation.axes, annotation.channels) == (axes, channels)
    assert annotation.classes.shape == labels


def test_a_later_stroke_changes_nothing():
    image, labels = np.zeros((4, 4)), np.zeros((4, 4), np.int32)
    annotation = Annotation(image, labels[:, ::-1])
    image[:], labels[:] = 1, 2
    assert annotation.image.max() == annotation.labels.max() == 0
    assert annotation.unlabelled.all()
    for array in (annotation.image, annotation.labels, annotation.classes, annotation.objects,
                  annotation.unlabelled):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_what_nobody_can_change_is_shared():
    labels = np.frombuffer(bytes(16), np.uint8).reshape(4, 4)
    annotation = Annotation(np.zeros((4, 4)), labels)
    assert np.shares_memory(annotation.labels, labels)
    base = np.zeros((4, 4), np.uint8)
    view = base.view()
    view.setflags(write=False)
    assert not np.shares_memory(Annotation(base, view).labels, base), "its base can be written"


def test_an_annotation_is_frozen():
    annotation = Annotation(np.zeros((4, 4)), np.zeros((4, 4), int))
    with pytest.raises(AttributeError, match="frozen: make a new one to change its zero"):
        annotation.zero = "background"
    assert "zero='unlabelled'" in repr(annotation)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"zero": "nothing"}, ValueError, "zero is 'nothing': choose 'unlabelled' or 'background'"),
        ({"ids": None}, ValueError, "ids is None: choose 'classes' or 'objects'"),
        ({"axes": 2}, TypeError, "axes are letters such as 'YX', not 2"),
    ],
)
def test_options_are_checked_when_it_is_made(change, kind, sentence):
    with pytest.raises(kind, match=sentence):
        Annotation(np.zeros((4, 4)), np.zeros((4, 4), int), **change)


def test_what_is_no_array_is_refused_when_it_is_made():
    with pytest.raises(TypeError, match="the labels cannot be read as an array of numbers"):
        Annotation(np.zeros((2, 2)), [[1, 2], [3]])
    hidden = np.ma.masked_array(np.zeros((2, 2)), [[True, False], [False, False]])
    with pytest.raises(TypeError, match="masked array: fill it first"):
        Annotation(hidden, np.zeros((2, 2), int))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            np.zeros((3, 4), int),
            "The image is 4 × 4 and the labels are 3 × 4; give labels of 4 × 4",
        ),
        (np.full((4, 4), 0.5), "16 label pixels hold a value that is not a whole number"),
        (np.full((4, 4), -1), "16 label pixels hold a negative value; the lowest is -1"),
        (np.full((4, 4), 999), "only 0 and 999, .* give labels > 0 with zero='background'$"),
        (np.array([["a"] * 4] * 4), "The labels hold text"),
    ],
)
def test_classes_that_cannot_be_told_are_refused_in_one_sentence(labels, sentence):
    annotation = Annotation(np.zeros((4, 4)), labels)
    assert any(finding.severity == "error" for finding in annotation.check())
    for name in ("classes", "objects", "unlabelled", "class_count"):
        with pytest.raises(ValueError, match=sentence):
            getattr(annotation, name)


ANY_DTYPE = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"), hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(), hnp.datetime64_dtypes(), hnp.timedelta64_dtypes(),
    hnp.byte_string_dtypes(max_len=3), hnp.unicode_string_dtypes(max_len=3),
    st.sampled_from([np.dtype(object), np.dtype([("a", "u1"), ("b", "f4")]), np.dtype("g")]),
)  # fmt: skip
ANY_SHAPE = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=4),
    st.sampled_from([(), (0,), (5, 6), (5, 6, 3), (3, 5, 6), (2, 5, 6, 3), (1, 1), (1, 9)]),
)


def any_array(dtype, shape):
    if dtype.kind == "O":
        return st.just(np.full(shape, None, object))
    if dtype.kind == "V":
        return st.just(np.zeros(shape, dtype))
    return hnp.arrays(dtype, shape)


@st.composite
def any_pair(draw):
    """Two arrays of any type; in most cases of shapes that fit, so that every check is reached."""
    shape = draw(ANY_SHAPE)
    other = draw(st.one_of(st.just(shape), st.just(shape[:-1]), ANY_SHAPE))
    image = draw(ANY_DTYPE.flatmap(lambda dtype: any_array(dtype, shape)))
    few = hnp.arrays(draw(st.sampled_from(["u1", "i4", "f4", "?", "u8"])), other,
                     elements=st.sampled_from([0, 1]) | st.integers(0, 1))  # fmt: skip
    labels = draw(few | ANY_DTYPE.flatmap(lambda dtype: any_array(dtype, other)))
    return image, labels


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    any_pair(),
    st.sampled_from(CODES),
    st.sampled_from([None, "YX", "YXC", "ZYX", "TYXC", "QQ", ""]),
)
def test_check_never_raises(pair, code, axes):
    annotation = Annotation(*pair, axes=axes, zero=code[0], ids=code[1])
    findings = annotation.check()
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.severity in SEVERITIES
        assert finding.message.endswith(".")
        assert finding.remedy.endswith(".")
        assert "\n" not in str(finding)
    order = [SEVERITIES.index(finding.severity) for finding in findings]
    assert order == sorted(order)
    if not any(finding.severity == "error" for finding in findings):
        assert annotation.classes.shape == annotation.labels.shape
        assert not annotation.unlabelled.all()
        assert len(annotation.axes) == annotation.image.ndim


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=3, max_side=7),
               elements=st.integers(0, 4)),
    st.sampled_from(CODES),
)  # fmt: skip
def test_check_points_at_pixels_of_the_labels(labels, code):
    image = np.random.default_rng(0).normal(size=labels.shape)
    annotation = Annotation(image, labels, zero=code[0], ids=code[1])
    for finding in annotation.check():
        if finding.where is not None:
            labels[finding.where]  # raises where it lies outside
            assert all(index >= 0 for index in finding.where)
        assert set(finding.objects) <= set(labels.ravel().tolist())


def test_two_thousand_objects_are_checked_in_a_second_of_work():
    edge, step = 2048, 45
    rows, columns = np.mgrid[:edge, :edge]
    disc = (rows % step - 22) ** 2 + (columns % step - 22) ** 2 <= 20**2
    labels = np.where(disc, 1 + rows // step * 46 + columns // step, 0)
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    annotation = Annotation(image, labels, zero="background", ids="objects")
    start = time.thread_time()
    findings = annotation.check()
    assert time.thread_time() - start < 3.0  # a fifth of it on a quiet machine
    assert labels.max() > 2000
    assert {finding.what for finding in findings} == {"balance"}


def test_threads_read_one_annotation():
    labels = np.random.default_rng(0).integers(0, 4, (200, 200))
    annotation = Annotation(np.zeros((200, 200)), labels)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(annotation.objects.sum())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
