"""Brushing over the preview writes its classes where nothing is painted, as one edit."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.widgets.live.confirm_brush import brushed

PLANE = (slice(0, 1), slice(0, 40), slice(0, 50))


@pytest.mark.parametrize("axes", [[0, 1], [1, 2], [0, 2]])
@pytest.mark.parametrize("size", [1, 5, 8])
@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 1, 0.5)])
def test_the_brush_passes_what_lies_as_near_to_its_way(axes, size, scale):
    shape = (12, 15, 18)
    labels = Labels(np.zeros(shape, np.uint8), scale=scale)
    labels.brush_size = size
    rng = np.random.default_rng(size)
    for _ in range(4):
        start, end = (rng.uniform(-2, np.array(shape) + 1) for _ in "ab")
        other = next(axis for axis in range(3) if axis not in axes)
        start[other] = end[other] = 4
        region, under = brushed(labels, start, end, axes)
        found = np.zeros(shape, bool)
        found[region] = under
        relative = np.array(scale)[axes] / np.array(scale)[axes].min()
        a, b = np.rint(start)[axes] * relative, np.rint(end)[axes] * relative
        ways = a + np.linspace(0, 1, 400)[:, None] * (b - a)
        expected = np.zeros(shape, bool)
        near = np.zeros(shape, bool)
        for place in np.argwhere(np.ones(shape, bool)):
            if place[other] == 4:
                away = np.linalg.norm(place[axes] * relative - ways, axis=1).min()
                expected[tuple(place)] = away <= size // 2 + 0.5
                near[tuple(place)] = abs(away - (size // 2 + 0.5)) < 0.05
        np.testing.assert_array_equal(found[~near], expected[~near])


@pytest.fixture
def previewed(teaching):
    codes = np.ones((1, 40, 50), np.uint8)
    codes[0, :, 25:] = 2
    teaching.preview.write(PLANE, codes)
    teaching.learned()
    teaching.labels.brush_size = 5
    return teaching


def drag(teaching, places):
    """Press, move and release as napari tells its callbacks."""
    event = SimpleNamespace(
        type="mouse_press", button=1, dims_displayed=[0, 1, 2], position=places[0]
    )
    held = [act(teaching.labels, event) for act in list(teaching.labels.mouse_drag_callbacks)]
    held = [one for one in held if next(one, None) is None and one is not None]
    event.type = "mouse_move"
    for event.position in places[1:]:
        for one in held:
            next(one, None)
    event.type = "mouse_release"
    for one in held:
        next(one, None)


def test_a_stroke_writes_what_the_preview_says_and_one_undo_takes_it_back(previewed):
    teaching = previewed
    teaching.labels.data[0, 18:22, 10:14] = 2  # painted by hand
    before = teaching.labels.data.copy()
    teaching.confirm.toggle()
    assert teaching.confirm.on
    assert teaching.labels.selected_label == 0, "no class is chosen"
    drag(teaching, [(0, 10, 5), (0, 10, 12), (0, 10, 20)])  # world: half a unit a pixel
    changed = teaching.labels.data != before
    assert changed[0].any()
    assert not changed[1].any()
    assert not (changed & (before > 0)).any()
    np.testing.assert_array_equal(
        teaching.labels.data[changed], np.asarray(teaching.preview.layer.data)[changed]
    )
    np.testing.assert_array_equal(teaching.sender._edits.confirming.pixels.whole(), changed)
    teaching.labels.undo()
    np.testing.assert_array_equal(teaching.labels.data, before)


def test_it_is_put_down_by_its_key_by_a_class_and_by_another_tool(previewed):
    teaching, told = previewed, []
    teaching.confirm.changed.connect(lambda: told.append(teaching.confirm.on))
    teaching.labels.selected_label = 2
    for put_down in (
        teaching.confirm.toggle,
        lambda: setattr(teaching.labels, "selected_label", 1),
        lambda: setattr(teaching.labels, "mode", "erase"),
    ):
        teaching.confirm.toggle()
        put_down()
        assert not teaching.confirm.on
    assert told == [True, False] * 3
    assert teaching.labels.selected_label == 1
    teaching.confirm.toggle()
    teaching.labels.mode = "pan_zoom"  # a look elsewhere is a break
    assert teaching.confirm.on
    teaching.labels.mode = "paint"
    teaching.confirm.put_down()
    before = teaching.labels.data.copy()
    drag(teaching, [(0, 5, 5)])
    assert not np.array_equal(teaching.labels.data, before), "napari's own brush is back"


def test_there_is_nothing_to_confirm_without_a_preview(teaching):
    teaching.confirm.toggle()
    assert not teaching.confirm.on
