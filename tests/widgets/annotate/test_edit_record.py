"""Each state of the labels has its confirmed pixels, by whatever way it is reached again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_unet.widgets.annotate.class_editing import (
    add_class,
)
from napari_unet.widgets.annotate.class_list import Removal
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread")


def annotation(data=None, shape=(20, 24)):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(shape, np.uint8), name="cells")
    labels = new_annotation_layer(viewer, image, data=data)
    session = Session.of(viewer)
    return viewer, labels, UndoFollower.of(labels, session)


action = st.tuples(
    st.sampled_from(["paint", "fill", "polygon", "set", "undo", "redo", "remove", "add", "plane"]),
    st.integers(0, 19),
    st.integers(0, 23),
    st.integers(0, 3),
)


@given(st.lists(action, max_size=14), st.data())
@settings(deadline=None, derandomize=True, max_examples=15)
@pytest.mark.usefixtures("qapp")
def test_what_is_confirmed_follows_every_history(actions, data):
    """Each state of the labels has its confirmed pixels, by whatever way it is reached again."""
    viewer, labels, edits = annotation()
    labels.brush_size = 5
    states = [np.zeros(labels.data.shape, bool)]  # by number of edits that can be undone
    for kind, row, column, number in actions:
        before, depth = labels.data.copy(), len(labels._undo_history)
        now = states[depth]
        if kind in ("undo", "redo"):
            getattr(labels, kind)()
            now = states[len(labels._undo_history)]
        elif data.draw(st.booleans()):  # as ConfirmBrush does
            value = 1 + number % 2
            places = np.nonzero(labels.data[row : row + 6, :column] == 0)
            if places[0].size:
                with edits.confirming.on(), labels.block_history():
                    labels.data_setitem((places[0] + row, places[1]), value)
            now = now | (before != labels.data)
        else:
            with labels.block_history():
                labels.paint((row, column), number % 3)
                labels.paint((row // 2, column), number % 3)
            now = now & (before == labels.data)
        if kind not in ("undo", "redo"):
            states[len(labels._undo_history) :] = [now]
        np.testing.assert_array_equal(edits.confirming.pixels.whole(), now)
    viewer.layers.clear()


def test_a_removed_class_leaves_the_others_confirmed(qapp):
    _, labels, edits = annotation()
    add_class(labels)
    with edits.confirming.on():
        labels.data_setitem((np.array([1, 2, 3]), np.array([4, 5, 6])), np.array([1, 2, 3]))
    Removal(labels, edits, 1)
    assert labels.data[3, 6] == 2
    assert np.argwhere(edits.confirming.pixels.whole()).tolist() == [[1, 4], [3, 6]]
    labels.undo()
    assert edits.confirming.pixels.whole().sum() == 3
    labels.data = np.ones((20, 24), np.uint8)
    assert not edits.confirming.pixels
