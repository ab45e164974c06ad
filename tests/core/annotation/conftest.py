"""Labels of four discs, and the findings of a check by their names."""

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import Annotation

EDGE = 96  # px
NOISE = np.random.default_rng(0).normal(100, 10, (EDGE, EDGE)).astype(np.float32)
DISCS = (((20, 20), 10), ((20, 60), 8), ((60, 20), 9), ((60, 60), 6))  # centre and radius, px


@pytest.fixture
def cells():
    """Return a function that paints four discs of 113 to 317 pixels, ids 1 to 4, background 0."""

    def paint():
        labels = np.zeros((EDGE, EDGE), np.int32)
        rows, columns = np.indices(labels.shape)
        for value, ((row, column), radius) in enumerate(DISCS, start=1):
            labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = value
        return labels

    return paint


@pytest.fixture
def check():
    """Return a function that checks labels on an image of noise, or on the one that is given."""

    def findings(labels, image=NOISE, **change):
        return {finding.what: finding for finding in Annotation(image, labels, **change).check()}

    return findings
