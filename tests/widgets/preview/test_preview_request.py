"""Of a large image the part in view is previewed, and that is said."""

import numpy as np
from napari.components import ViewerModel

from napari_unet.core.sampling.sample import preview_weights
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer

SMALL = TrainSettings.preset("nano", tile=140, flatten=0.0)


def test_of_a_large_image_the_part_in_view_is_taken():
    from napari_unet.widgets.preview.preview_request import (
        PreviewRequest,
        PreviewResult,
        input_of,
        remarks,
    )

    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((3, 2600, 3000), np.uint8), name="large")
    labels = new_annotation_layer(viewer, image)
    labels.data[1, 2000:2010, 2900:2910] = 2
    viewer.dims.set_point(0, 1)
    viewer.scene.camera.center = (0, 2500, 2900)
    source = input_of(viewer, image, labels, 2)
    assert not source.whole
    assert source.region == (slice(1, 2), slice(552, 2600), slice(952, 3000))
    assert source.annotation().image.shape == (1, 2048, 2048)
    assert (source.annotation().classes[0, 1448:1458, 1948:1958] == 1).all()
    viewer.scene.camera.center = (0, 2510, 2910)
    assert source.same(input_of(viewer, image, labels, 2))
    found = preview_weights(source.annotation(), SMALL)
    told = remarks(PreviewResult(PreviewRequest("weights", source, SMALL, 0), found))
    assert "2048 × 2048 px" in told
