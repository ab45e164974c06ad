"""A result is that of the network; what somebody edited is never written over."""

import numpy as np
from scipy import ndimage


def test_a_result_that_was_edited_is_never_written_to_again(driven, known):
    driven.add_scene()
    driven.add_network()
    layer = driven.run()
    layer.selected_label = 99
    layer.paint((50, 20), 99)
    edited = layer.data.copy()
    driven.dock.options.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    second = driven.dock.result().layer
    assert second is not layer
    np.testing.assert_array_equal(layer.data, edited)
    np.testing.assert_array_equal(second.data, known.objects(known.scene(), 0.2))
    (told,) = driven.messages()
    assert told.startswith("'scene segmented' was edited and stays as it is")
    assert second.name in told
    driven.dock.options.threshold.number.setValue(0.5)
    driven.until(driven.settled)
    assert driven.dock.result().layer is second, "one new layer, not one a change"


def test_edits_made_while_tiles_arrive_are_kept(driven, known):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    layer = driven.dock.result().layer
    layer.paint((64, 75), 77)
    edited = layer.data.copy()
    known.pace.hold_after(4)
    driven.until(lambda: run.done == 6)
    np.testing.assert_array_equal(layer.data, edited)
    known.pace.let_go()
    driven.until(driven.settled)
    np.testing.assert_array_equal(layer.data, edited)
    second = driven.dock.result().layer
    np.testing.assert_array_equal(second.data, known.objects(known.scene()))


def test_the_result_is_that_of_the_network_and_answers_without_it(driven, known):
    image = driven.add_scene(scale=(0.5, 0.5), translate=(3, 4), units=("um", "um"))
    driven.add_network()
    driven.dock.more.tile.setValue(48)
    layer = driven.run()
    scene, form = image.data, driven.dock.options
    assert layer.name == "scene segmented"
    np.testing.assert_array_equal(layer.data, known.objects(scene))
    np.testing.assert_array_equal(layer.scale, image.scale)
    np.testing.assert_array_equal(layer.translate, image.translate)
    assert layer.units == image.units
    assert driven.dock.results.summary.text().startswith(f"{layer.data.max()} objects")
    tiles = known.pace.tiles
    form.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    np.testing.assert_array_equal(layer.data, known.objects(scene, 0.2))
    form.min_area.number.setValue(30)
    driven.until(driven.settled)
    np.testing.assert_array_equal(layer.data, known.objects(scene, 0.2, 30))
    form.holes.number.setValue(25)
    driven.until(driven.settled)
    expected = known.objects(scene, 0.2, 30, 25)
    np.testing.assert_array_equal(layer.data, expected)
    assert (expected > 0).sum() > (known.objects(scene, 0.2, 30) > 0).sum(), "there was a hole"
    form.results.button(1).click()
    driven.until(driven.settled)
    classes = driven.dock.result().layer
    assert classes.name == "scene segmented classes"
    np.testing.assert_array_equal(classes.data, expected > 0)
    np.testing.assert_array_equal(layer.data, expected)
    assert known.pace.tiles == tiles, "the network was asked again"


def test_scores_and_uncertainty_are_layers_when_wanted(driven, known):
    driven.add_scene()
    driven.add_network()
    assert not driven.dock.more.scores.isEnabled()
    driven.run()
    tiles = known.pace.tiles
    driven.dock.more.scores.click()
    driven.until(lambda: "scene score of class 1" in driven.viewer.layers)
    found = driven.viewer.layers["scene score of class 1"].data
    expected = known.scores(known.scene())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    driven.dock.more.uncertainty.click()
    driven.until(lambda: "scene uncertainty" in driven.viewer.layers)
    entropy = -(expected * np.log2(expected) + (1 - expected) * np.log2(1 - expected))
    np.testing.assert_allclose(driven.viewer.layers["scene uncertainty"].data, entropy, atol=1e-4)
    assert known.pace.tiles == tiles


def test_a_stack_plane_by_plane_and_as_a_volume(driven, known):
    plane = known.scene()
    driven.viewer.add_image(np.stack([plane, plane[::-1], plane]), name="stack")
    driven.add_network()
    driven.until(lambda: driven.dock.runs.start.isEnabled())
    assert driven.dock.stack.isVisibleTo(driven.dock)
    layer = driven.run()
    stack = known.scores(np.stack([plane, plane[::-1], plane])) > 0.5
    np.testing.assert_array_equal(layer.data > 0, stack)
    assert not set(np.unique(layer.data[0])) & set(np.unique(layer.data[1])) - {0}
    tiles = known.pace.tiles
    driven.dock.stack.setCurrentIndex(1)
    driven.until(driven.settled)
    np.testing.assert_array_equal(layer.data > 0, stack)
    assert set(np.unique(layer.data[0])) & set(np.unique(layer.data[1])) - {0}
    assert layer.data.max() == ndimage.label(stack)[1]
    assert known.pace.tiles == tiles
