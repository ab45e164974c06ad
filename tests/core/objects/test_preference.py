"""The class of an object is that of the largest sum of its scores, the background left aside."""

import numpy as np
import pytest

from napari_unet.core.objects import object_table
from napari_unet.core.objects.object_table import preferred_classes


@pytest.mark.parametrize("shape", [(40, 50), (3, 20, 30), (2, 2, 20, 30)])
def test_it_is_the_class_that_one_object_after_the_other_gives(shape, monkeypatch):
    monkeypatch.setattr(object_table, "EDGE", (2, 16, 16))  # objects lie across boxes
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, shape)
    scores = rng.random((4, *shape)).astype(np.float32)
    scores[0] *= 5  # the background has the highest score
    wanted = [7, 2, 5]
    expected = [1 + scores[1:, labels == label].sum(axis=1).argmax() for label in wanted]
    assert preferred_classes(labels, scores, wanted).tolist() == expected
    assert len(set(expected)) > 1


def test_what_is_not_scored_is_of_the_first_class():
    labels = np.array([[0, 3], [3, 8]])
    assert preferred_classes(labels, np.zeros((3, 2, 2), np.float32), [3, 8]).tolist() == [1, 1]
