"""Sheets: what keeps its size is written over, quietly, and thumbnails come when nothing moves."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Vectors

from napari_unet.widgets.layers.layers import like
from napari_unet.widgets.layers.result_layers import ResultLayers
from napari_unet.widgets.preview.line_layers import BUNCH, PreviewLayerStore, filled_up


def test_a_picture_of_the_same_size_and_place_is_written_over():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((30, 40), np.float32), name="cells")
    store, told = PreviewLayerStore(ResultLayers(viewer)), []

    def show(value, shape=(30, 40), move=0.0):
        given = np.full(shape, value, np.float32)
        given.setflags(write=False)  # what the compute thread made is nobody's to write
        place = like(of) | {"translate": (0.0, move)}
        layer = store.show(
            Image, of, "deformed", given, place, contrast_limits=(0, 10), visible=True
        )
        np.testing.assert_array_equal(layer.data, given)
        return layer

    first = show(1)
    pixels, thumbnail = first.data, first.thumbnail.copy()
    viewer.dims.events.range.connect(told.append)
    first.events.extent.connect(told.append)
    assert show(9) is first
    assert first.data is pixels
    np.testing.assert_array_equal(first._data_view, np.full((30, 40), 9))  # what the canvas gets
    assert not told, "the window looked at all layers for one picture"
    np.testing.assert_array_equal(first.thumbnail, thumbnail)
    store.catch_up()
    assert first.thumbnail[..., :3].max() > thumbnail[..., :3].max()

    # another place or size: new data in the same layer
    assert show(3, move=5.0) is first
    assert tuple(first.translate) == (0.0, 5.0)
    assert show(4, shape=(20, 40), move=5.0) is first
    assert first.data.shape == (20, 40)
    assert len(viewer.layers) == 2

    # what somebody else put there is not written over
    theirs = np.full((20, 40), 7, np.float32)
    first.data = theirs
    second = show(5, shape=(20, 40), move=5.0)
    assert second is not first
    assert theirs.min() == 7
    assert first.data is theirs


def test_lines_come_in_bunches_that_look_like_the_lines_alone():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((30, 40), np.float32), name="cells")
    store = PreviewLayerStore(ResultLayers(viewer))
    rng = np.random.default_rng(0)
    for count in (3, 100, BUNCH, BUNCH + 1, 2):
        lines = rng.uniform(0, 30, (count, 2, 2))
        layer = store.show(Vectors, of, "grid", filled_up(lines), like(of), edge_color="red")
        np.testing.assert_array_equal(layer.data[:count], lines)
        assert len(layer.data) % BUNCH == 0
        assert not layer.data[count:, 1].any(), "a line that nobody drew"
        ends = np.concatenate([lines[:, 0], lines.sum(axis=1)])
        drawn = np.concatenate([layer.data[:, 0], layer.data.sum(axis=1)])
        np.testing.assert_array_equal(drawn.min(axis=0), ends.min(axis=0))
        np.testing.assert_array_equal(drawn.max(axis=0), ends.max(axis=0))
    assert len(viewer.layers) == 2
    assert filled_up(np.zeros((0, 2, 3))).shape == (0, 2, 3)
