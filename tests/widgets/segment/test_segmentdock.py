"""The Segment dock: from an image and a network to labels that answer at once."""

import re

import numpy as np
import pytest


def test_what_is_missing_is_said_and_a_plan_stands_there_before_the_start(driven, known):
    runs = driven.dock.runs
    assert runs.plan.text() == "There is no network yet: train one in Train, or load a file"
    assert not runs.start.isEnabled()
    assert "no network" in runs.start.toolTip()
    assert "no network" in driven.dock.inputs.network.toolTip()
    driven.add_network()
    assert "no image" in runs.plan.text()
    driven.viewer.add_image(np.zeros((40, 40, 3), np.uint8), name="colour", rgb=True)
    driven.until(lambda: "channels" in runs.plan.text())
    assert "has 3 channels and the network takes 1" in runs.plan.text()
    assert not runs.start.isEnabled()
    driven.add_scene()
    driven.dock.inputs.image.setValue(driven.viewer.layers["scene"])
    driven.until(lambda: runs.plan.text().startswith("≈"))
    assert re.fullmatch(r"≈ 1 tile · .+ · \d\.\d MB", runs.plan.text())
    assert runs.start.isEnabled()
    driven.dock.more.tile.setValue(48)
    driven.until(lambda: "≈ 20 tiles" in runs.plan.text())
    driven.dock.more.tile.setValue(47)
    driven.until(lambda: not runs.start.isEnabled())
    assert "46" in runs.plan.text() or "48" in runs.plan.text()
    assert not driven.messages()


def test_the_result_is_that_of_the_network_and_answers_without_it(driven, known):
    image = driven.add_scene(scale=(0.5, 0.5), translate=(3, 4), units=("um", "um"))
    driven.add_network()
    driven.dock.more.tile.setValue(48)
    layer = driven.run()
    scene, form = image.data, driven.dock.look
    assert layer.name == "scene segmented"
    np.testing.assert_array_equal(layer.data, known.objects(scene))
    np.testing.assert_array_equal(layer.scale, image.scale)
    np.testing.assert_array_equal(layer.translate, image.translate)
    assert layer.units == image.units
    assert driven.dock.results.found.text().startswith(f"{layer.data.max()} objects")
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


def test_tiles_next_to_the_view_come_first_and_the_old_result_stays_until_replaced(driven, known):
    image = driven.add_scene()
    driven.add_network()
    layer = driven.run()
    before = layer.data.copy()
    driven.dock.look.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    old = layer.data.copy()
    assert (old > 0).sum() > (before > 0).sum()
    driven.viewer.scene.camera.center = (0, 120, 140)
    driven.dock.look.threshold.number.setValue(0.9)  # the tiles of the next run differ from it
    driven.until(driven.settled)
    third = layer.data.copy()
    image.data = known.scene() * 0.5 + 1  # the same contrast: the same scores
    run = driven.start_slowly(tiles=2)
    regions = []
    run.job.arrived.connect(
        lambda values: regions.extend(v.region for v in values if hasattr(v, "region"))
    )
    known.pace.hold_after(2)
    driven.until(lambda: run.done == 4)
    np.testing.assert_array_equal(layer.data[:30, :30], third[:30, :30])  # the far corner
    known.pace.let_go()
    driven.until(driven.settled)
    ends = [region[1].stop for region in regions]
    assert ends[-1] < 60, "the tiles farthest from the view come last"
    assert driven.dock.result().layer is layer


@pytest.mark.parametrize("large", [False, True], ids=["between tiles", "inside a tile"])
def test_cancel_is_quick_and_keeps_tiles(driven, known, large):
    driven.add_scene()
    driven.add_network(slow_layers=large)
    runs = driven.dock.runs
    driven.until(driven.planned)
    begun = known.pace.tiles  # by the plan, which measures the network
    if large:  # held within its tile, before the second layer
        known.pace.hold_after(1)
        runs.start.click()
        driven.until(lambda: known.pace.tiles == begun + 2)
    else:
        driven.start_slowly()
    assert runs.cancel.isVisibleTo(driven.dock)
    begun = known.pace.tiles
    runs.cancel.click()
    known.pace.let_go()
    driven.until(lambda: driven.dock.segmentations.run is None)
    driven.until(driven.settled)
    assert known.pace.tiles == begun, "a layer, or tile, was begun after all"
    assert runs.state.text().startswith("cancelled")
    assert runs.start.isEnabled()
    assert not runs.cancel.isVisibleTo(driven.dock)
    layer = driven.dock.result().layer
    expected = known.objects(known.scene())
    if large:
        assert layer is None
        assert "nothing was done" in runs.state.text()
    else:
        scored = driven.dock.result().keeping.scores.scored
        assert 0 < scored.mean() < 1
        np.testing.assert_array_equal(layer.data > 0, (expected > 0) & scored)
    np.testing.assert_array_equal(driven.run().data, expected)
    assert not driven.messages()


def test_a_pause_rests_and_goes_on(driven, qtbot, known):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    driven.dock.runs.rest.click()
    known.pace.let_go()
    driven.at_rest(run)
    assert "paused" in driven.dock.runs.state.text()
    qtbot.wait(100)
    assert run.done == 3, "the tile that was begun is finished, and no other one"
    assert driven.dock.runs.rest.accessibleName() == "Go on"
    driven.dock.runs.rest.click()
    driven.until(driven.settled)
    layer = driven.dock.result().layer
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))


def test_memory_that_is_not_enough_makes_tiles_smaller(driven, known):
    driven.add_scene()
    driven.add_network()
    known.pace.most = 80 * 80
    with pytest.warns(RuntimeWarning, match="going on with"):
        layer = driven.run()
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
    known.pace.most = 1
    with pytest.warns(RuntimeWarning, match="going on with"):
        driven.run()
    assert "smallest tile" in driven.dock.runs.state.text()
    assert driven.dock.runs.start.isEnabled()
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
