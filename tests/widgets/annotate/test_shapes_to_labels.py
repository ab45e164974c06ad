"""Points and shapes written into an annotation: where they lie, what they spare, and undo."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points, Shapes

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate.shapes_to_labels import (
    disc_of,
    draw_discs,
    fill_outlines,
    outlines_in,
    points_in,
    write_discs,
)
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import set_code

SQUARE = np.array([[4, 4], [4, 10], [10, 10], [10, 4]], float)


def annotation(shape=(40, 50), dtype="uint8", **geometry):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(shape, np.uint8), **geometry)
    return viewer, new_annotation_layer(viewer, image, dtype=dtype)


def draw(viewer, labels, points, sizes=(4.0, 2.0), free=2):
    wish = disc_of(labels, points_in(labels, points, viewer), sizes, 1, free)
    return write_discs(labels, *draw_discs(wish))


def test_discs_lie_where_the_points_are_seen_and_spare_what_is_painted():
    viewer, labels = annotation(scale=(0.5, 0.5), translate=(3, 0))
    labels.data[:, :20] = 1
    labels.data[12, 12] = 3
    points = Points([[8.0, 6.0]], scale=(1.0, 1.0))  # seen at the pixel (10, 12)
    before = labels.data.copy()
    changed = draw(viewer, labels, points)
    rows, columns = np.indices(labels.data.shape)
    distance = np.hypot(rows - 10, columns - 12)
    wanted = np.where(distance <= 4, 2, np.where(distance <= 6, 0, before))
    wanted[12, 12] = 3
    np.testing.assert_array_equal(labels.data, wanted)
    assert changed == (wanted != before).sum()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_touching_points_of_objects_have_ids_of_their_own_and_a_gap():
    viewer, labels = annotation(dtype="uint16")
    set_code(labels, LabelCode(ids="objects"))
    draw(viewer, labels, Points([[10, 10], [10, 16], [30, 30]]), free=7)
    assert set(np.unique(labels.data)) == {0, 7, 8, 9}
    assert (labels.data[10, 12:15] == [7, 0, 8]).all()
    small = labels.data.astype(np.uint8)
    _, narrow = annotation()
    narrow.data[:] = small
    set_code(narrow, LabelCode(ids="objects"))
    with pytest.raises(ValueError, match=r"largest value .* is 255 and 256 is needed"):
        draw(viewer, narrow, Points([[10, 10], [10, 40]]), free=255)
    np.testing.assert_array_equal(narrow.data, small)


def test_in_a_stack_each_point_has_its_plane():
    viewer, labels = annotation((5, 30, 30))
    draw(viewer, labels, Points([[1, 10, 10], [3, 20, 20], [9, 5, 5]]))
    assert set(np.flatnonzero(labels.data.any(axis=(1, 2)))) == {1, 3}
    viewer.dims.set_point(0, 4)
    draw(viewer, labels, Points([[15, 15]]))  # of two axes: in the plane that is shown
    assert labels.data[4, 15, 15] == 2
    assert not labels.data[[0, 2]].any()


def test_without_unlabelled_there_is_no_ring():
    viewer, labels = annotation()
    set_code(labels, LabelCode(zero="background"))
    draw(viewer, labels, Points([[10, 10]]))
    assert set(np.unique(labels.data)) == {0, 1}


def test_shapes_make_the_unlabelled_inside_background_and_nothing_else():
    viewer, labels = annotation(scale=(2.0, 2.0))
    labels.data[5, 5] = 2
    shapes = Shapes(ndim=2)
    shapes.add(2 * SQUARE, shape_type="polygon")
    shapes.add(2 * (SQUARE + 20), shape_type="ellipse")
    shapes.add([[0, 0], [70, 90]], shape_type="line")
    outlines = outlines_in(labels, shapes, viewer)
    assert len(outlines) == 2
    changed = fill_outlines(labels, outlines)
    assert labels.data[5, 5] == 2
    assert (labels.data[4:11, 4:11] == 1).sum() == 48
    inside = (labels.data[24:31, 24:31] == 1).sum()
    assert abs(inside - np.pi * 9) < 5
    assert changed == 48 + inside == (labels.data == 1).sum()
    labels.undo()
    assert (labels.data == 1).sum() == 0
    assert fill_outlines(labels, []) == 0


def test_shapes_in_a_stack_lie_in_one_plane():
    viewer, labels = annotation((5, 30, 30))
    flat = np.hstack([np.full((4, 1), 2.0), SQUARE])
    fill_outlines(labels, outlines_in(labels, Shapes([flat], shape_type="polygon"), viewer))
    assert (labels.data[2] == 1).sum() == 49
    assert not labels.data[[0, 1, 3, 4]].any()
    tilted = np.hstack([np.array([[0.0], [0], [3], [3]]), SQUARE])
    with pytest.raises(ValueError, match="draw it in a single plane"):
        fill_outlines(labels, [tilted])
