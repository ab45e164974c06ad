"""Confirmed pixels are those of a plain array, and take memory only where there are some."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.workflows.confirmed_pixels import PIECE, Confirmed, beside


@given(st.integers(0, 2**32 - 1), st.sampled_from([(300, 700), (3, 260, 270), (2, 2, 300, 40)]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_it_holds_what_was_written(seed, shape):
    rng = np.random.default_rng(seed)
    plain, found = np.zeros(shape, bool), Confirmed(shape)
    for _ in range(6):
        low = [int(rng.integers(edge)) for edge in shape]
        box = tuple(slice(a, int(rng.integers(a, e)) + 1) for a, e in zip(low, shape, strict=True))
        plain[box] = rng.random(plain[box].shape) < rng.choice([0.0, 0.01, 0.5])
        found[box] = plain[box]
        np.testing.assert_array_equal(found.whole(), plain)
        np.testing.assert_array_equal(found[box], plain[box])
        assert bool(found) == plain.any()
    gathered = np.zeros(shape, bool)
    for box, pixels in found.boxes():
        gathered[box] |= pixels
    np.testing.assert_array_equal(gathered, plain)
    np.testing.assert_array_equal(Confirmed.of(plain).whole(), plain)
    kept = found.copy()
    found[tuple(slice(0, edge) for edge in shape)] = False
    assert not found
    np.testing.assert_array_equal(kept.whole(), plain)


def test_memory_is_taken_where_there_are_some():
    huge = Confirmed((40, 10**6, 10**6))
    huge[slice(3, 5), slice(999_990, 10**6), slice(0, 20)] = True
    assert sum(piece.size for piece in huge._pieces.values()) == 2 * PIECE**2
    assert sum(pixels.sum() for _, pixels in huge.boxes()) == 2 * 10 * 20


def test_their_file_has_a_folder_of_its_own():
    assert beside("annotations/cells.tif") == "confirmed/cells.tif"
