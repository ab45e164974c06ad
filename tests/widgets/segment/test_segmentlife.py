"""What people do meanwhile: layers deleted, renamed, replaced, edited; docks and windows closed."""

import threading
import time

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.widgets.segment.dock import SegmentDock
from napari_unet.widgets.segment.runs import Segmentations


def test_a_result_that_was_edited_is_never_written_to_again(driven, known):
    driven.add_scene()
    driven.add_network()
    layer = driven.run()
    layer.selected_label = 99
    layer.paint((50, 20), 99)
    edited = layer.data.copy()
    driven.dock.look.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    second = driven.dock.result().layer
    assert second is not layer
    np.testing.assert_array_equal(layer.data, edited)
    np.testing.assert_array_equal(second.data, known.objects(known.scene(), 0.2))
    (told,) = driven.messages()
    assert told.startswith("'scene segmented' was edited and stays as it is")
    assert second.name in told
    driven.dock.look.threshold.number.setValue(0.5)
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


def test_a_dock_that_is_reopened_shows_the_run_that_went_on(driven, known, qtbot):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    driven.dock.close()
    driven.dock.deleteLater()
    known.pace.hold_after(2)
    qtbot.waitUntil(lambda: run.done == 4)
    driven.viewer.scene.camera.center = (0, 10, 10)  # nothing of the old dock listens any more
    dock = driven.dock = SegmentDock(driven.viewer)
    qtbot.addWidget(dock)
    assert dock.runs.bar.isVisibleTo(dock)
    assert dock.runs.state.text().startswith("scene: ")
    known.pace.let_go()
    driven.until(driven.settled)
    assert "20 tiles done" in dock.runs.state.text()
    assert dock.results.found.text().endswith("in 'scene segmented'")
    np.testing.assert_array_equal(dock.result().layer.data, known.objects(known.scene()))


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
