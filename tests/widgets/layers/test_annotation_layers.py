import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.widgets.layers.annotation_layers import layer_source, reason_not_to_pair


def test_a_pair_that_does_not_fit_is_refused_with_both_sizes():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((96, 96)), name="cells")
    other = viewer.add_labels(np.zeros((33, 44), np.uint8), name="other")
    sentence = reason_not_to_pair(image, other)
    assert "33 × 44" in sentence
    assert "96 × 96" in sentence
    with pytest.raises(ValueError, match="choose other layers"):
        layer_source(image, other, "train")
