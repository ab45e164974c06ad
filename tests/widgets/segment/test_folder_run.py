"""A folder of images becomes files, and a run that was stopped goes on."""

import csv

import numpy as np
import tifffile

from napari_unet.widgets.segment import region_choice


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
