"""What a window asks of the teacher: in the axes of the image, with the names of the window."""

from functools import partial

import numpy as np
import pytest

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.teaching_events import TileDrawn
from napari_unet.workflows.teaching_loop import TeachingLoop, VisibleRegion


def test_requests_use_the_axes_of_the_image_and_the_class_names_of_the_window(
    discs, small_tiles, spots
):
    assert teaching_requests.canonical((1, 2, 3), "XZY") == [2, 3, 1]
    assert teaching_requests.given((2, 3, 1), "XZY") == (1, 2, 3)
    names = (("glass", "#000000"), ("cell", "#ffffff"), ("mitosis", "#ff0000"))
    said = teaching_requests.named("unsure: background or class 2", names)
    assert said == "unsure: 'glass' or 'mitosis'"
    values = np.array([0, 1, 2, 7], np.uint16)
    np.testing.assert_array_equal(teaching_requests.codes_of(values, LabelCode()), [0, 1, 2, 7])
    np.testing.assert_array_equal(
        teaching_requests.codes_of(values, LabelCode(ids="objects")), [0, 1, 2, 2]
    )
    image, truth = discs
    stack = np.stack([image, image], axis=2)  # Y X Z
    loop = TeachingLoop(ImagePixels(stack, "YXZ", {}), 2)
    labels = np.zeros(stack.shape, np.uint8)
    for kind in (True, False):
        for box in spots(truth, 2, kind):
            labels[(*box, 1)] = 1 + kind
    taken = Confirmed(labels.shape)
    loop.post(
        partial(
            teaching_requests.paint_all,
            labels=labels,
            confirmed=taken,
            kept=(0, 1, 2),
            code=LabelCode(),
        )
    )
    loop.set_view(VisibleRegion((slice(0, 180), slice(0, 220), slice(1, 2)), (90.0, 110.0, 1.0)))
    drawn = next(one for one in loop.work() if isinstance(one, TileDrawn))
    assert drawn.codes.shape == (180, 220, 1)
    loop.post(partial(teaching_requests.suggest, classes=names))
    places = next(one for one in loop.work() if hasattr(one, "places")).places
    assert places
    for place in places:
        assert len(place.box) == 3
        assert (place.box[2].stop - place.box[2].start) == 1
    window = teaching_requests.draw_window(loop).box
    assert [part.stop - part.start for part in window] == [128, 128, 1]
    judged = teaching_requests.judge(loop, True)
    assert (judged.number, "1 of 1 windows" in judged.message) == (1, True)
    with pytest.raises(ValueError, match="Nothing is confirmed"):
        teaching_requests.remove_confirmed(loop)
    box = (*spots(truth, 1, True, seed=9)[0], slice(0, 1))
    teaching_requests.paint(loop, box, np.full((6, 6, 1), 2, np.uint8), True)
    gone = np.zeros(stack.shape, bool)
    gone[teaching_requests.remove_confirmed(loop).places] = True
    expected = np.zeros(stack.shape, bool)
    expected[box] = True
    np.testing.assert_array_equal(gone, expected)
    handed = teaching_requests.copy_network(loop, names[:2], {})
    assert [entry["name"] for entry in handed.network.about["classes"]] == ["glass", "cell"]
    assert handed.message == ""
    teaching_requests.ensure_classes(loop, 3)
    assert loop.teacher.classes == 3


@pytest.fixture
def taught(discs, small_tiles, spots):
    """A loop that has learned from a stroke of each class; its image has no pixel size."""
    image, truth = discs
    loop = TeachingLoop(ImagePixels(image, "YX", {}), 2)
    for kind in (True, False):
        codes = np.full((6, 6), 1 + kind, np.uint8)
        teaching_requests.paint(loop, spots(truth, 1, kind)[0], codes, False)
    list(loop.work())
    return loop


NAMES = (("glass", "#000000"), ("cell", "#ffffff"))


def test_a_network_of_a_smaller_size_says_that_it_needs_a_pixel_size(taught):
    assert teaching_requests.copy_network(taught, NAMES, {}).message == ""
    changed = teaching_requests.work_at(taught, 2)
    assert (changed.now, taught.teacher.working_size) == (2, 2)
    list(taught.work())
    handed = teaching_requests.copy_network(taught, NAMES, {})
    assert handed.by == "nano"
    assert "taught at 1/2 of the size" in handed.message
    assert handed.network.about["history"][-1]["working_size"] == 2
    sized = teaching_requests.copy_network(taught, NAMES, {"Y": 0.5, "X": 0.5})
    assert sized.message == ""
    assert sized.network.about["pixel_size"] == {"Y": 1.0, "X": 1.0}


def test_a_network_that_was_taught_elsewhere_brings_its_working_size(taught, discs):
    teaching_requests.work_at(taught, 2)
    list(taught.work())
    network = teaching_requests.copy_network(taught, NAMES, {}).network
    other = TeachingLoop(ImagePixels(discs[0], "YX", {}), 2)
    assert teaching_requests.adopt(other, network).now == 2
    assert other.teacher.working_size == 2
    assert other.message == other.teacher.shown.said
    assert "Goes on from what was learned from 2 strokes" in other.message


def test_undone_learning_is_told_and_a_removed_class_is_gone(taught):
    teaching_requests.ensure_classes(taught, 4)
    teaching_requests.ensure_classes(taught, 2)
    assert taught.teacher.classes == 4
    teaching_requests.remove_class(taught, 3)
    assert taught.teacher.classes == 3
    while len(taught.teacher._history) > 1:
        teaching_requests.undo_learning(taught)
        assert taught.message.startswith("Back to what was learned")
    with pytest.raises(ValueError, match="no earlier state"):
        teaching_requests.undo_learning(taught)


def test_names_are_given_to_classes_and_missing_ones_are_made(taught):
    network = teaching_requests.copy_network(taught, NAMES[:1], {}).network
    assert [entry["name"] for entry in network.about["classes"]] == ["glass", "class 1"]
    assert teaching_requests.named("between background and class 1", ()) == (
        "between background and class 1"
    )
