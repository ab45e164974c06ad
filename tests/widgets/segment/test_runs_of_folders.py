"""A folder of images becomes files, and a run that was stopped goes on."""

import csv
import re

import numpy as np
import tifffile

from napari_unet import ObjectSettings, segment_files
from napari_unet.cli import main
from napari_unet.core.network.network_file import load_network, save_network
from napari_unet.widgets.segment import region_choice
from napari_unet.workflows.result_files import Outputs
from napari_unet.workflows.segment_files import Choices, FilesRequest, segment_each
from napari_unet.workflows.segment_request import LabelOptions


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
