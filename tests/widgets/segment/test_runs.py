"""Runs: what people do to layers and windows meanwhile, and the order of the tiles."""

import threading
import time

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.widgets.segment.runs import Segmentations


def test_renamed_and_moved_layers_and_a_removed_image_do_not_disturb(driven, known):
    image = driven.add_scene()
    driven.viewer.add_image(np.zeros((20, 20)), name="other")
    driven.dock.inputs.image.setValue(image)
    driven.add_network()
    run = driven.start_slowly()
    result = driven.dock.result()
    image.name, result.layer.name = "renamed", "my cells"
    driven.viewer.layers.move(0, 2)
    known.pace.hold_after(3)
    driven.until(lambda: run.done == 5)
    layer = result.layer
    driven.viewer.layers.remove(image)
    known.pace.let_go()
    driven.until(lambda: driven.dock.segmentations.run is None and not result.busy)
    assert layer.name == "my cells"
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
    assert driven.dock.runs.start.isVisibleTo(driven.dock)
    assert not driven.messages()


def test_a_removed_result_layer_stops_its_run(driven, known):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    driven.viewer.layers.remove(driven.dock.result().layer)
    known.pace.hold_after(1)
    driven.until(lambda: run.cancelled)  # at the next tile
    known.pace.let_go()
    driven.until(driven.settled)
    assert not driven.dock.result().layer
    (told,) = driven.messages()
    assert "was removed, so its segmentation has stopped" in told
    assert [layer for layer in driven.viewer.layers if isinstance(layer, Labels)] == []
    np.testing.assert_array_equal(driven.run().data, known.objects(known.scene()))


@pytest.mark.parametrize("shape", [(128, 150), (60, 300)], ids=["same size", "resized"])
def test_an_image_replaced_meanwhile_gives_the_result_of_what_it_was(driven, known, shape):
    image = driven.add_scene()
    driven.add_network()
    driven.start_slowly()
    image.data = np.ones(shape, np.float32)
    known.pace.let_go()
    driven.until(driven.settled)
    layer = driven.dock.result().layer
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
    (told,) = driven.messages()
    assert "was replaced while it was segmented" in told
    image.data = known.scene()[:, ::-1].copy()
    np.testing.assert_array_equal(driven.run().data, known.objects(image.data))


def test_a_second_image_waits_for_its_turn(driven, known):
    first = driven.add_scene("first")
    second = driven.viewer.add_image(known.scene()[::-1].copy(), name="second")
    driven.add_network()
    driven.dock.inputs.image.setValue(first)
    driven.start_slowly()
    runs = driven.dock.runs
    assert runs.start.text().endswith("Segment next")
    driven.dock.inputs.image.setValue(second)
    driven.until(lambda: "second" in driven.dock.inputs.image.toolTip())
    runs.start.click()
    assert "then: second" in runs.state.text()
    known.pace.let_go()
    driven.until(driven.settled)
    for image in (first, second):
        layer = driven.dock.segmentations.result_of(image).layer
        np.testing.assert_array_equal(layer.data, known.objects(image.data))
    driven.viewer.layers.selection = {first, second}
    driven.dock.inputs.where.setCurrentIndex(4)
    driven.until(lambda: "2 images" in runs.plan.text())
    runs.start.click()
    assert len(driven.dock.segmentations.waiting) == 1
    runs.cancel.click()
    driven.until(driven.settled)
    assert not driven.dock.segmentations.waiting


def test_a_closing_window_ends_the_run_at_once(make_napari_viewer, qtbot, known):
    viewer = make_napari_viewer()
    driven = known.drive(qtbot, viewer)
    viewer.window.add_dock_widget(driven.dock)
    driven.add_scene()
    driven.add_network(slow_layers=True)
    driven.until(driven.planned)
    begun = known.pace.tiles
    known.pace.hold_after(1)
    driven.dock.runs.start.click()
    run = Segmentations.of(driven.dock.session).run
    driven.until(lambda: known.pace.tiles == begun + 2)  # before the second layer of a tile

    def go_on():
        while not run.job.stopping:
            time.sleep(0.005)
        known.pace.let_go()

    beside = threading.Thread(target=go_on)
    beside.start()
    assert driven.dock.session.close()
    beside.join()
    assert known.pace.tiles == begun + 2, "it did not end at once"
    viewer.close()
    qtbot.waitUntil(lambda: not run.job.running)
    assert not [told for told in driven.messages() if "unexpected" in told]


def test_tiles_next_to_the_view_come_first_and_the_old_result_stays_until_replaced(driven, known):
    image = driven.add_scene()
    driven.add_network()
    layer = driven.run()
    before = layer.data.copy()
    driven.dock.options.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    old = layer.data.copy()
    assert (old > 0).sum() > (before > 0).sum()
    driven.viewer.scene.camera.center = (0, 120, 140)
    driven.dock.options.threshold.number.setValue(0.9)  # the tiles of the next run differ from it
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
