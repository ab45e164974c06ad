"""What is shown of a plane is read back box by box, and takes memory for its cells alone."""

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.teaching.stroke_batches import ShownPlane


@pytest.mark.parametrize("seed", range(30))
def test_boxes_hold_what_the_cells_hold(seed):
    rng = np.random.default_rng(seed)
    shape = (200, 330)
    plane, dense = ShownPlane(shape), np.full((256, 384), UNLABELLED, np.uint8)
    for place in [(0, 0), (1, 2), (3, 5), (2, 2)]:
        classes = rng.integers(0, 5, (68, 70)).astype(np.uint8)  # as exams give them: larger
        plane.keep(place, classes)
        y, x = (64 * n for n in place)
        dense[y : y + 64, x : x + 64] = classes[:64, :64]
    for forget in (False, True):
        start = [int(rng.integers(0, n)) for n in shape]
        stop = [int(rng.integers(a, n)) + 1 for a, n in zip(start, shape, strict=True)]
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        if forget:
            plane.forget(box)
            dense[box] = UNLABELLED
        np.testing.assert_array_equal(plane[box], dense[box])
        whole = (slice(0, 200), slice(0, 330))
        np.testing.assert_array_equal(plane[whole], dense[whole])


def test_a_plane_of_any_size_takes_no_more():
    plane = ShownPlane((10**6, 10**6))
    plane.keep((9000, 12000), np.ones((64, 64), np.uint8))
    at = (slice(9000 * 64 + 60, 9000 * 64 + 70), slice(12000 * 64, 12000 * 64 + 3))
    np.testing.assert_array_equal(plane[at][:, 0], [1] * 4 + [UNLABELLED] * 6)
