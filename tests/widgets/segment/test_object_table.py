"""The table measures the objects that are there, and leads to them."""

import csv

import numpy as np
import pytest

from napari_unet.widgets.segment.object_table import Table


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
