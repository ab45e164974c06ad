"""Runs: of layers, whatever is done to them meanwhile, and of folders, which go on."""

import csv
import re
import threading
import time

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_unet import ObjectSettings, segment_files
from napari_unet.cli import main
from napari_unet.core.network.network_file import load_network, save_network
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.segment.runs import Segmentations
from napari_unet.workflows.result_files import Outputs
from napari_unet.workflows.segment_files import Choices, FilesRequest, segment_each
from napari_unet.workflows.segment_request import LabelOptions


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
        while not run.job.work.stopping:
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


def test_a_folder_becomes_files_and_goes_on_where_it_stopped(driven, known, tmp_path):
    images, results = tmp_path / "images", tmp_path / "results"
    images.mkdir()
    for name in ("a", "c"):
        tifffile.imwrite(images / f"{name}.tif", known.scene())
    (images / "b.tif").write_bytes(b"no image")
    driven.add_network()
    driven.dock.inputs.where.setCurrentIndex(region_choice.FOLDER)
    assert "no folder is chosen" in driven.dock.runs.plan.text().lower()
    assert not driven.dock.runs.start.isEnabled()
    driven.dock.inputs.folder.source.setText(str(images))
    driven.dock.inputs.folder.target.setText(str(results))
    driven.dock.inputs.touch()
    driven.until(lambda: driven.dock.runs.plan.text().startswith("3 images"))
    runs = driven.dock.runs
    runs.start.click()
    driven.until(lambda: driven.dock.segmentations.run is None)
    assert "2 files segmented, 1 failed (b.tif)" in runs.state.text()
    assert any(told.startswith("b.tif: ") for told in driven.messages())
    expected = known.objects(known.scene())
    for name in ("a", "c"):
        np.testing.assert_array_equal(tifffile.imread(results / f"{name}_objects.tif"), expected)
        with (results / f"{name}_objects.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == expected.max()
    runs.start.click()
    driven.until(lambda: driven.dock.segmentations.run is None)
    assert "0 files segmented, 2 done before and kept" in runs.state.text()


def bytes_in(folder):
    """Return what the files of a folder hold; each OME-TIFF has an identifier of its own."""
    own = re.compile(rb"uuid:[0-9a-f-]{36}")
    return {path.name: own.sub(b"uuid", path.read_bytes()) for path in folder.iterdir()}


def test_dock_command_and_script_write_the_same_files(driven, known, tmp_path, monkeypatch):
    """And each goes on with what another began: they agree on what makes two runs the same."""
    monkeypatch.chdir(tmp_path)
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a", "c"):
        tifffile.imwrite(images / f"{name}.tif", known.scene())
    network = driven.add_network().network
    save_network(network, tmp_path / "known.safetensors")
    objects = ["--objects", "--min-area", "30", "--holes", "9", "--threshold", "0.4"]
    command = ["segment", "known.safetensors", "images", *objects, "--device", "cpu", "--quiet"]
    assert main([*command, "-o", "command"]) == 0
    dock = driven.dock
    dock.inputs.where.setCurrentIndex(region_choice.FOLDER)
    dock.options.set_value(LabelOptions(threshold=0.4, min_area=30, holes=9))
    dock.inputs.folder.source.setText(str(images))
    dock.inputs.folder.target.setText(str(tmp_path / "dock"))
    dock.inputs.touch()
    driven.until(lambda: dock.runs.plan.text().startswith("2 images"))

    settings = ObjectSettings(threshold=0.4, min_area=30, holes=9)
    events = list(segment_files(["images"], network, "script", objects=settings, threshold=0.4))
    assert [event.stage for event in events].count("done") == 2
    assert bytes_in(tmp_path / "script") == bytes_in(tmp_path / "command")

    # what the command began, cut short inside its first image
    monkeypatch.setattr("napari_unet.workflows.segment_files.SMALL", 0)
    request = FilesRequest(
        ["images/a.tif"], load_network("known.safetensors"),
        Outputs(tmp_path / "dock", objects=settings, threshold=0.4), Choices(tile=48),
    )  # fmt: skip
    steps = segment_each(request)
    next(event for event in steps if event.stage == "tiles" and event.done)
    steps.close()
    assert (tmp_path / "dock" / "a.partial").is_dir()
    dock.runs.start.click()
    driven.until(lambda: dock.segmentations.run is None)
    assert any("going on with" in told for told in driven.messages())
    assert bytes_in(tmp_path / "dock") == bytes_in(tmp_path / "command")
