"""Pixels read from disk are those numpy would have cut from the whole array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.files import lazy_array
from napari_unet.core.files.lazy_array import RawPixels, check_memory, flat_index


def raw(path, array, lead, gap):
    """Write ``array`` plane after plane with ``gap`` bytes before each; return it lazily."""
    planes = array.reshape(-1, *array.shape[lead:]) if lead else array[None]
    offsets, data = [], b""
    for plane in planes:
        data += b"\xff" * gap
        offsets.append(len(data))
        data += plane.tobytes()
    path.write_bytes(data)
    return RawPixels(path, array.shape, array.dtype, offsets)


@st.composite
def places(draw, shape):
    """Draw a key as numpy takes it: integers and slices, some left out, perhaps an ellipsis."""
    key = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        index = st.integers(-size, size - 1)
        edge = st.none() | st.integers(-2 * size, 2 * size)
        step = st.none() | st.integers(-3, 3).filter(bool)
        key.append(draw(index | st.builds(slice, edge, edge, step)))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), Ellipsis)
        if key[-1] is not Ellipsis:  # what follows an ellipsis counts from the end
            after = len(key) - key.index(Ellipsis) - 1
            key[-after:] = [slice(None)] * after
    return tuple(key)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.data())
def test_every_key_gives_what_numpy_gives(tmp_path_factory, data):
    shape = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    lead = data.draw(st.integers(0, len(shape) - 1))
    array = np.arange(np.prod(shape), dtype=data.draw(st.sampled_from(["<u2", ">i4", "<f8"])))
    array = array.reshape(shape)
    lazy = raw(tmp_path_factory.mktemp("raw") / "x", array, lead, data.draw(st.integers(0, 9)))
    key = data.draw(places(shape))
    found = lazy[key]
    np.testing.assert_array_equal(found, array[key])
    assert found.dtype == array.dtype.newbyteorder("=")


def test_rows_are_jumped_to_where_a_band_would_be_too_long(tmp_path):
    array = np.arange(60 * 70_000, dtype=np.uint16).reshape(60, 70_000)
    band = 47 * array.strides[0]
    assert band > lazy_array.READ_AT_ONCE
    lazy = raw(tmp_path / "x", array, 0, 5)
    np.testing.assert_array_equal(lazy[3:50, 7:20], array[3:50, 7:20])


def test_it_is_an_array_to_numpy(tmp_path):
    array = np.arange(24).reshape(2, 3, 4)
    lazy = raw(tmp_path / "x", array, 1, 0)
    np.testing.assert_array_equal(np.asarray(lazy), array)
    assert (lazy.ndim, lazy.size, lazy.nbytes, len(lazy)) == (3, 24, 192, 2)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(lazy, copy=False)


@pytest.mark.parametrize("key", [(0, 0, 0, 0), ([0, 1],), (5,), (Ellipsis, Ellipsis), (1.5,)])
def test_other_keys_are_refused_with_a_reason(tmp_path, key):
    lazy = raw(tmp_path / "x", np.zeros((2, 3, 4)), 0, 0)
    with pytest.raises(IndexError):
        lazy[key]


def test_a_file_that_shrinks_while_it_is_read_is_an_error_not_the_end_of_the_process(tmp_path):
    path = tmp_path / "shrinking"
    lazy = raw(path, np.zeros((1000, 1000)), 0, 0)
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(OSError, match="shrinking ended while it was read"):
        lazy[900:]


def test_a_file_shorter_than_it_declares_is_refused_at_once(tmp_path):
    path = tmp_path / "short"
    path.write_bytes(bytes(100))
    with pytest.raises(OSError, match=r"short is cut short: its pixels end at byte 120 .* at 100;"):
        RawPixels(path, (10, 10), np.dtype(np.uint8), [20])


def test_more_than_half_of_the_free_memory_is_not_taken(tmp_path):
    check_memory(tmp_path, 10, "a chunk")
    with pytest.raises(ValueError, match=r"a chunk of 1000\.0 TB and \d+\.\d GB of memory"):
        check_memory(tmp_path, 10**15, "a chunk")


def test_planes_are_counted_in_c_order():
    shape = (3, 4, 5)
    for at in np.ndindex(2, 2, 2):
        place = tuple(a + 1 for a in at)
        assert flat_index(shape, (1, 1, 1), at) == np.ravel_multi_index(place, shape)
    assert flat_index((), (), ()) == 0
