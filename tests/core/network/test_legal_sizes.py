"""The sizes against lineage's published numbers and against real pooling of a real array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.network.legal_sizes import border, input_size, is_legal, output_size

# depth: smallest legal input, its output, step between legal inputs, loss (checked by others)
KNOWN = {1: (18, 2, 2, 16), 2: (44, 4, 4, 40), 3: (92, 4, 8, 88), 4: (188, 4, 16, 184),
         5: (380, 4, 32, 376)}  # fmt: skip


def walked(depth, n):
    """Push an array through: valid 3-wide windows, pooling of pairs, repetition, centred crops."""
    line, kept = np.zeros(n), []

    def convolved_twice(line):
        return line[4:]

    for _ in range(depth):
        line = convolved_twice(line)
        kept.append(line)
        if len(line) < 2 or len(line) % 2:
            return None
        line = line.reshape(-1, 2).max(axis=1)
    line = convolved_twice(line)
    for skip in reversed(kept):
        line = np.repeat(line, 2)
        assert (len(skip) - len(line)) % 2 == 0
        line = convolved_twice(line)
    return len(line) or None


def test_the_paper_s_sizes():
    assert output_size(4, 572) == 388
    assert border(4) == 92
    assert input_size(4, 388) == 572
    assert input_size(4, 389) == 588


@pytest.mark.parametrize("depth", KNOWN)
def test_published_sizes_of_every_depth(depth):
    smallest, left, step, loss = KNOWN[depth]
    legal = [n for n in range(1, 600) if is_legal(depth, n)]
    assert legal == list(range(smallest, 600, step))
    assert output_size(depth, smallest) == left
    assert 2 * border(depth) == loss


@settings(deadline=None, derandomize=True, max_examples=300)
@given(depth=st.integers(1, 7), n=st.integers(1, 3000))
def test_an_array_pushed_through_agrees(depth, n):
    left = walked(depth, n)
    assert is_legal(depth, n) == (left is not None)
    if left:
        assert output_size(depth, n) == left == n - 2 * border(depth)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(depth=st.integers(1, 6), n=st.integers(1, 3000))
def test_input_size_is_the_smallest_that_suffices(depth, n):
    enough = [m for m in range(n, n + 2000) if is_legal(depth, m) and output_size(depth, m) >= n]
    assert input_size(depth, n) == enough[0]


@pytest.mark.parametrize(
    ("n", "nearest"),
    [(573, (572, 588)), (571, (556, 572)), (189, (188, 204)), (187, (188, 204)), (-5, (188, 204))],
)
def test_an_illegal_size_is_refused_with_the_two_nearest(n, nearest):
    with pytest.raises(ValueError, match=f"{n} px.* are {nearest[0]} and {nearest[1]} px"):
        output_size(4, n)


def test_a_depth_or_output_that_cannot_be_is_refused():
    for depth in (0, -1, 13):
        with pytest.raises(ValueError, match=f"the depth is {depth}"):
            border(depth)
    with pytest.raises(ValueError, match="at least 1 px"):
        input_size(4, 0)
    with pytest.raises(TypeError):
        output_size(4, 572.0)
