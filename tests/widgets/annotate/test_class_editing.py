"""Classes are added, chosen, renamed and recoloured while somebody paints."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate.class_counts import (
    class_figures,
    summary,
)
from napari_unet.widgets.annotate.class_editing import (
    choose_class,
    chosen_class,
    rename_class,
)
from napari_unet.widgets.annotate.shortcuts import bind_keys, unbind_keys
from napari_unet.widgets.layers.label_classes import classes_of, set_code
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread")


def test_classes_and_keys(annotation, qapp):
    viewer, labels, _ = annotation()
    with pytest.raises(ValueError, match="two classes are called 'object'"):
        rename_class(labels, 0, " object ")
    rename_class(labels, 1, "  ")
    assert classes_of(labels)[1].name == "object"
    napari_keys = {str(key) for key in Labels.class_keymap} | {str(k) for k in viewer.keymap}
    bind_keys(labels, Session.of(viewer))
    ours = {str(key) for key in labels.keymap}
    assert ours == {"Q", "W", "R", "T", "Y"}
    assert not ours & napari_keys
    labels.mode = "erase"
    keys = {str(key): function for key, function in labels.keymap.items()}
    keys["Q"](labels)
    assert (labels.selected_label, str(labels.mode)) == (2, "paint")
    keys["W"](labels)
    assert chosen_class(labels) == 0
    keys["T"](labels)  # there is no such class
    assert chosen_class(labels) == 0
    labels.mode = "polygon"
    choose_class(labels, 1)
    assert str(labels.mode) == "polygon"
    unbind_keys(labels)
    assert not labels.keymap


def test_each_id_an_object(annotation, qapp):
    _, labels, edits = annotation()
    set_code(labels, LabelCode(ids="objects"))
    labels.paint((3, 3), 2)
    choose_class(labels, 1, edits.free)
    assert labels.selected_label == 3
    labels.paint((12, 12), 3)
    figures = class_figures(labels, edits.counts, 480)
    assert [figure.pixels for figure in figures] == [0, (labels.data > 1).sum()]
    assert "2 objects" in summary(labels, edits.counts, 480)
    assert figures[1].share == 1
    labels.data_setitem((np.array([0]), np.array([0])), 255)
    with pytest.raises(ValueError, match="8 bits a pixel"):
        choose_class(labels, 1, edits.free)
