"""Parts of an image, stacks, folders, tables and the script that repeats it all."""

import csv
import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Shapes
from napari.layers._source import layer_source
from scipy import ndimage

from napari_unet.core.network.network_file import save_network
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.segment.object_table import Table


def inside_polygon(shape, corners):
    """Return the pixels whose middles lie in a polygon, by counting crossings; float64."""
    rows, columns = np.indices(shape).astype(float)
    inside = np.zeros(shape, bool)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > rows) != (y1 > rows)
            inside ^= crosses & (columns < (x1 - x0) * (rows - y0) / (y1 - y0) + x0)
    return inside


def test_a_region_of_shapes_changes_its_pixels_alone(driven, known):
    image = driven.add_scene(scale=(2, 2), translate=(10, 20))
    driven.add_network()
    layer = driven.run()
    driven.dock.look.threshold.number.setValue(0.2)
    driven.until(driven.settled)
    corners = np.array([[10.3, 20.2], [90.7, 40.6], [70.2, 120.9], [20.4, 100.1]])
    shapes = Shapes([corners * 2 + (10, 20)], shape_type="polygon", name="region")
    driven.viewer.add_layer(shapes)
    image.data = 1 - known.scene()  # other scores: what is replaced shows
    driven.dock.inputs.where.setCurrentIndex(region_choice.SHAPES)
    driven.until(lambda: driven.dock.runs.plan.text().startswith("≈"))
    before = layer.data.copy()
    assert driven.run() is layer
    inside = inside_polygon(before.shape, corners)
    new = known.scores(1 - known.scene()) > 0.2
    differs = (layer.data > 0) != np.where(inside, new, before > 0)
    assert differs.sum() <= 4, "pixels on the outline may go either way"
    outside = ~inside & ~differs
    pairs = np.unique(np.stack([before[outside], layer.data[outside]], 1), axis=0)
    assert len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


def test_parts_of_layers_of_any_axes(driven):
    viewer = driven.viewer
    stack = viewer.add_image(np.zeros((5, 40, 60), np.float32))
    viewer.dims.set_current_step(0, 3)
    plane = region_choice.part_of(viewer, stack, region_choice.PLANE, None, 2)
    assert plane.region == (slice(3, 4), slice(0, 40), slice(0, 60))
    volume = region_choice.part_of(viewer, stack, region_choice.PLANE, None, 3)
    assert volume.region == (slice(0, 5), slice(0, 40), slice(0, 60))
    assert region_choice.has_planes(stack, 2)
    assert not region_choice.has_planes(stack, 3)
    colour = viewer.add_image(np.zeros((40, 60, 3), np.uint8), rgb=True)
    assert not region_choice.has_planes(colour, 2)
    box = [[10, 20], [10, 30], [20, 30], [20, 20]]
    shapes = viewer.add_shapes([box], shape_type="ellipse")
    part = region_choice.part_of(viewer, stack, region_choice.SHAPES, shapes, 2)
    assert part.region[0] == slice(3, 4)
    assert 70 <= part.inside.sum() <= 90  # a circle of 10 px: 79
    flat = region_choice.part_of(viewer, colour, region_choice.SHAPES, shapes, 2)
    assert len(flat.region) == 2
    line = viewer.add_shapes([[[1, 1], [5, 5]]], shape_type="line")
    with pytest.raises(ValueError, match="has no area"):
        region_choice.part_of(viewer, stack, region_choice.SHAPES, line, 2)
    with pytest.raises(ValueError, match="no shapes layer"):
        region_choice.part_of(viewer, stack, region_choice.SHAPES, None, 2)


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


def test_a_volume_is_seen_by_a_network_of_volumes(driven, known):
    volume = np.zeros((12, 40, 40), np.float32)
    volume[3:9, 5:15, 5:15] = 1.0
    volume[2:6, 20:30, 22:35] = 1.0
    driven.viewer.add_image(volume, name="volume")
    driven.add_network(dims=3)
    layer = driven.run()
    np.testing.assert_array_equal(layer.data, known.objects(volume))


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


def test_the_table_measures_what_is_there_and_leads_to_it(driven, known, qtbot, tmp_path):
    driven.add_scene(scale=(0.5, 0.5), units=("um", "um"))
    driven.add_network()
    layer = driven.run()
    layer.paint((3, 140), 99)
    table = Table(driven.viewer, driven.dock.result())
    qtbot.addWidget(table)
    driven.until(lambda: table.model.rowCount() > 0)
    labels, counts = np.unique(layer.data[layer.data > 0], return_counts=True)
    found = dict(zip(*(table.model.columns[n][1] for n in (0, 2)), strict=True))
    assert found == dict(zip(labels, counts, strict=True))
    table.model.sort(2)
    areas = [int(table.model.data(table.model.index(n, 2))) for n in range(len(labels))]
    assert areas == sorted(areas)
    table.rows.selectRow(len(labels) - 1)
    largest = labels[np.argmax(counts)]
    assert layer.selected_label == largest
    centre = np.argwhere(layer.data == largest).mean(axis=0)
    np.testing.assert_allclose(driven.viewer.scene.camera.center[-2:], centre * 0.5, atol=0.5)
    table.write(tmp_path / "objects.csv")
    with (tmp_path / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["label"]): int(row["area_px"]) for row in rows} == found
    assert float(rows[0]["size_um2"]) == pytest.approx(int(rows[0]["area_px"]) * 0.25)


def test_the_copied_script_gives_the_same_labels(driven, known, tmp_path):
    from napari_unet.widgets.networks import KeptNetwork

    tifffile.imwrite(tmp_path / "scene.tif", known.scene())
    network = known.network()
    network._forward_pre_hooks.clear()
    save_network(network, tmp_path / "known.safetensors")
    kept = KeptNetwork("known", network, path=tmp_path / "known.safetensors")
    driven.dock.session.networks.add(kept)
    with layer_source(path=str(tmp_path / "scene.tif")):
        image = Image(known.scene(), name="scene")
    driven.viewer.add_layer(image)
    driven.dock.look.threshold.number.setValue(0.2)
    driven.dock.look.min_area.number.setValue(30)
    script = driven.dock.copy_script()
    assert not re.search(r"^# Save", script, re.MULTILINE)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    found = tifffile.imread(tmp_path / "scene_labels.tif")
    np.testing.assert_array_equal(found, known.objects(known.scene(), 0.2, 30))
