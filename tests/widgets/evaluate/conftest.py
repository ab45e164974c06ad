"""A sample, and labels of it with one object missed and one false."""

import numpy as np
import pytest

from napari_unet import samples


@pytest.fixture
def scene(make_napari_viewer_proxy):
    """Return a viewer and the layer of the wrong labels."""
    viewer = make_napari_viewer_proxy().__wrapped__
    viewer.open_sample("napari-unet", "nuclei")
    wrong = samples.load("nuclei").labels.astype(np.uint8)
    wrong[wrong == 1] = 0
    wrong[:6, :6] = 200
    return viewer, viewer.add_labels(wrong, name="found")
