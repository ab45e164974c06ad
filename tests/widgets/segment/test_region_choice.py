"""Which part of an image is segmented: all of it, a plane, or what shapes enclose."""

import numpy as np
import pytest
from napari.layers import Shapes

from napari_unet.widgets.segment import region_choice


def inside_polygon(shape, corners):
    """Return the pixels whose middles lie in a polygon, by counting crossings; float64."""
    rows, columns = np.indices(shape).astype(float)
    inside = np.zeros(shape, bool)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > rows) != (y1 > rows)
            inside ^= crosses & (columns < (x1 - x0) * (rows - y0) / (y1 - y0) + x0)
    return inside


def test_a_region_of_shapes_changes_its_pixels_alone(driven, known):
    image = driven.add_scene(scale=(2, 2), translate=(10, 20))
    driven.add_network()
    layer = driven.run()
    driven.dock.options.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    corners = np.array([[10.3, 20.2], [90.7, 40.6], [70.2, 120.9], [20.4, 100.1]])
    shapes = Shapes([corners * 2 + (10, 20)], shape_type="polygon", name="region")
    driven.viewer.add_layer(shapes)
    image.data = 1 - known.scene()  # other scores: what is replaced shows
    driven.dock.inputs.where.setCurrentIndex(region_choice.SHAPES)
    driven.until(lambda: driven.dock.runs.plan.text().startswith("≈"))
    before = layer.data.copy()
    assert driven.run() is layer
    inside = inside_polygon(before.shape, corners)
    new = known.scores(1 - known.scene()) > 0.2
    differs = (layer.data > 0) != np.where(inside, new, before > 0)
    assert differs.sum() <= 4, "pixels on the outline may go either way"
    outside = ~inside & ~differs
    pairs = np.unique(np.stack([before[outside], layer.data[outside]], 1), axis=0)
    assert len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


def test_parts_of_layers_of_any_axes(driven):
    viewer = driven.viewer
    stack = viewer.add_image(np.zeros((5, 40, 60), np.float32))
    viewer.dims.set_current_step(0, 3)
    plane = region_choice.part_of(viewer, stack, region_choice.PLANE, None, 2)
    assert plane.region == (slice(3, 4), slice(0, 40), slice(0, 60))
    volume = region_choice.part_of(viewer, stack, region_choice.PLANE, None, 3)
    assert volume.region == (slice(0, 5), slice(0, 40), slice(0, 60))
    assert region_choice.has_planes(stack, 2)
    assert not region_choice.has_planes(stack, 3)
    colour = viewer.add_image(np.zeros((40, 60, 3), np.uint8), rgb=True)
    assert not region_choice.has_planes(colour, 2)
    box = [[10, 20], [10, 30], [20, 30], [20, 20]]
    shapes = viewer.add_shapes([box], shape_type="ellipse")
    part = region_choice.part_of(viewer, stack, region_choice.SHAPES, shapes, 2)
    assert part.region[0] == slice(3, 4)
    assert 70 <= part.inside.sum() <= 90  # a circle of 10 px: 79
    flat = region_choice.part_of(viewer, colour, region_choice.SHAPES, shapes, 2)
    assert len(flat.region) == 2
    line = viewer.add_shapes([[[1, 1], [5, 5]]], shape_type="line")
    with pytest.raises(ValueError, match="has no area"):
        region_choice.part_of(viewer, stack, region_choice.SHAPES, line, 2)
    with pytest.raises(ValueError, match="no shapes layer"):
        region_choice.part_of(viewer, stack, region_choice.SHAPES, None, 2)
