"""Previews of every kind of image lie beside it, with axes as the image has them."""

from dataclasses import replace

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.shared.session import Session

SMALL = TrainSettings.preset("nano", tile=140, flatten=0.0)


def test_lines_and_labels_of_every_kind_of_image():
    """Of a stack, a colour image and channels, tiles lie beside the image, axes as theirs."""
    from napari_unet.core.sampling.sample import preview_tile
    from napari_unet.widgets.preview.preview_layers import PreviewLayers
    from napari_unet.widgets.preview.preview_request import (
        PreviewRequest,
        PreviewResult,
        facts,
        input_of,
    )

    kinds = {
        "colour": (Image(np.zeros((60, 70, 3), np.uint8), rgb=True), 2, 2),
        "stack": (Image(np.zeros((9, 60, 70), np.uint8)), 2, 2),
        "volume": (Image(np.zeros((20, 60, 70), np.uint8)), 3, 3),
        "channels": (Image(np.zeros((2, 60, 70)), axis_labels=("c", "y", "x")), 2, 2),
        "ImageJ": (
            Image(np.zeros((12, 2, 60, 70), np.uint8), axis_labels=("z", "c", "y", "x")),
            3,
            4,
        ),
    }
    for kind, (image, dims, axes) in kinds.items():
        viewer = ViewerModel()
        viewer.add_layer(image)
        labels = new_annotation_layer(viewer, image)
        labels.data[..., 20:30, 20:30] = 2
        settings = replace(SMALL, dims=dims, depth=1, tile=44, sd=2.0)
        source = input_of(viewer, image, labels, dims)
        assert source.whole
        request = PreviewRequest("deformation", source, settings, 0)
        found = preview_tile(source.annotation(), settings, 0)
        given = PreviewResult(request, found)
        PreviewLayers(viewer, Session.of(viewer)).show(image, labels, given)
        assert ("Cut from z " in facts(given)) == (kind == "stack")
        layer = viewer.layers[f"{image.name} deformed"]
        assert layer.ndim == axes, kind
        low, high = layer.extent.world[0, -2:], image.extent.world[1, -2:]
        assert (low > high).any(), kind
        np.testing.assert_array_equal(layer.data.shape[-2 - image.rgb :][:2], (44, 44))
