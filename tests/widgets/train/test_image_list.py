"""The images of a training: pairs, roles, sizes that differ, and folders."""

import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QMenu

from napari_unet.widgets.train.dock import NO_SOURCE
from napari_unet.workflows.training_sources import FileSource


def test_pairs_roles_sizes_and_folders(open_dock, cells, place, qtbot, tmp_path, monkeypatch):
    viewer = open_dock.viewer
    work = place(viewer, cells)
    dock = open_dock()
    other = viewer.add_image(np.zeros((50, 60)), name="other")
    fitting = viewer.add_labels(np.zeros((50, 60), np.uint8), name="other labels")
    menu = QMenu()
    dock.images._offer(menu)
    assert [action.text() for action in menu.actions()] == ["other  +  other labels"]
    menu.actions()[0].trigger()
    assert dock.session.pairs.annotation_of(other) is fitting
    assert len(dock.images.rows()) == 2

    dock.session.pairs.set_role(other, "off")
    assert [source.name for source in dock.recipe().sources] == ["cells"]
    dock.session.pairs.set_role(other, "validate")
    fitting.data = np.zeros((7, 8), np.uint8)  # does not fit any more
    dock.images.refresh()
    assert [label.text() for label in dock.images._facts][1] == "⚠ sizes differ"
    count = len(notification_manager.records)
    dock.train()
    (told,) = [str(record.message) for record in notification_manager.records[count:]]
    assert "need (50, 60)" in told
    assert dock.trainings.running == ()
    viewer.layers.remove(fitting)
    assert len(dock.images.rows()) == 1

    answers = iter([str(tmp_path), str(tmp_path / "nowhere")])
    folder = "napari_unet.widgets.train.image_list.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(folder, lambda *a: next(answers))
    dock.images._add_folders()
    assert "there is no file or folder" in str(notification_manager.records[-1].message)
    assert dock.trainings.folders == []
    dock.trainings.folders.append(FileSource(tmp_path, tmp_path))
    dock.images.refresh()
    assert len(dock.images.rows()) == 2
    dock.session.pairs.set_role(work.image, "off")
    dock.images._set_role(dock.trainings.folders[0], "off")
    assert dock.controls.train.toolTip() == NO_SOURCE
