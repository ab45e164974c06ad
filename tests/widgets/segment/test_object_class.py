"""Objects of several classes: those that a person adds have one, and may be given another."""

import csv

import numpy as np
import pytest

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.segment.corrections import guessed_classes, use_all, use_changes
from napari_unet.widgets.segment.object_table import Table
from napari_unet.widgets.segment.result import ChosenClasses

NAMES = ("background", "dim", "bright")
DIM, BRIGHT = (40, 40), (64, 118)  # in squares of 0.4, too faint to be found, and of 1.0


@pytest.fixture
def segmented(driven):
    """Objects of two classes; one of each is painted anew, with a label of its own."""
    driven.add_scene()
    driven.add_network(classes=3)
    network = driven.dock.session.networks.newest.network
    network.about["classes"] = [{"name": name, "color": "#102030"} for name in NAMES]
    return driven.run()


def selected(driven):
    choice = driven.dock.results.choice
    driven.until(lambda: not choice._soon.isActive() and not choice._latest.busy)
    return choice.title.text(), choice.classes.currentText()


def choose(driven, name):
    selected(driven)
    box = driven.dock.results.choice.classes
    index = next(n for n in range(box.count()) if box.itemText(n).split(":")[0] == name)
    box.setCurrentIndex(index)
    box.activated.emit(index)


def kinds(driven, qtbot, path):
    table = Table(driven.viewer, driven.dock.result())
    qtbot.addWidget(table)
    driven.until(lambda: table.model.rowCount() > 0)
    table.write(path, overwrite=True)
    with path.open(encoding="utf-8") as file:
        return {int(row["label"]): row["class_name"] for row in csv.DictReader(file)}


def brightest(label, layer, viewer):
    return viewer.layers["scene"].data[np.asarray(layer.data) == label].max()


def test_a_new_object_is_of_the_class_that_its_scores_prefer_or_of_the_one_chosen(
    driven, segmented, qtbot, tmp_path
):
    viewer, path = driven.viewer, tmp_path / "objects.csv"
    found = kinds(driven, qtbot, path)
    assert set(found.values()) == {"dim", "bright"}
    for label, kind in found.items():
        assert kind == ("bright" if brightest(label, segmented, viewer) > 0.9 else "dim")
    assert not driven.dock.results.choice.isHidden()
    some = next(label for label, kind in found.items() if kind == "bright")
    segmented.selected_label = some
    assert selected(driven) == (f"Object {some}", "by its scores: bright")
    new = int(segmented.data.max()) + 1
    segmented.brush_size = 3
    segmented.selected_label = new
    assert selected(driven) == (f"New object {new}", "by its scores")
    segmented.paint(BRIGHT, new)  # over a bright square
    assert selected(driven) == (f"New object {new}", "by its scores: bright")
    segmented.selected_label = new + 1
    segmented.paint((3, 140), new + 1)  # over what is dark, which is nearer to dim
    assert selected(driven) == (f"New object {new + 1}", "by its scores: dim")
    now = kinds(driven, qtbot, path)
    assert (now[new], now[new + 1]) == ("bright", "dim")
    assert guessed_classes(viewer, segmented) == (
        "Of the objects that you added, 1 as 'dim' and 1 as 'bright' count by their scores: where "
        "that is wrong, select the object and choose its class in Segment"
    )
    choose(driven, "bright")  # of one that is there: of it alone
    assert selected(driven) == (f"New object {new + 1}", "bright")
    segmented.selected_label = new + 2
    assert selected(driven) == (f"New object {new + 2}", "by its scores")
    choose(driven, "dim")  # before it is painted: of those after it, too
    segmented.paint((10, 140), new + 2)
    segmented.selected_label = new + 3
    assert selected(driven) == (f"New object {new + 3}", "dim")
    segmented.paint((64, 103), new + 3)  # bright
    now = kinds(driven, qtbot, path)
    assert [now[new + n] for n in range(4)] == ["bright", "bright", "dim", "dim"]
    segmented.selected_label = 0
    assert selected(driven) == ("No object", "by its scores")
    assert not driven.dock.results.choice.classes.isEnabled()
    layer = use_all(viewer, segmented)
    assert code_of(layer) == LabelCode("unlabelled", "classes")
    values = np.array([1 + NAMES.index(now.get(n, "background")) for n in range(new + 4)])
    np.testing.assert_array_equal(layer.data, values[segmented.data])


def test_another_class_is_a_correction_and_no_result_is_written_over_it(driven, segmented):
    viewer = driven.viewer
    with pytest.raises(ValueError, match="nothing was changed"):
        use_changes(viewer, segmented)
    written = driven.dock.result().written
    label = int(np.flatnonzero(written.kinds == 2)[0])
    segmented.selected_label = label
    choose(driven, "bright")  # as it was found: nothing is changed
    with pytest.raises(ValueError, match="nothing was changed"):
        use_changes(viewer, segmented)
    choose(driven, "dim")
    inside = segmented.data == label
    older = new_annotation_layer(
        viewer, viewer.layers["scene"], classes=[LabelClass(n, "#102030") for n in NAMES]
    )
    older.paint((5, 100), 3)
    before = older.data.copy()
    assert use_changes(viewer, segmented) is older
    np.testing.assert_array_equal(older.data, np.where(inside, 2, before))
    older.undo()
    np.testing.assert_array_equal(older.data, before)
    driven.dock.options.threshold.number.setValue(0.6)
    driven.until(driven.settled)
    assert driven.dock.result().layer is not segmented  # whose labels mean other objects
    assert driven.dock.result().written.chosen == ChosenClasses()


def test_there_is_no_choice_of_one_class_or_of_classes(driven, known):
    driven.add_scene()
    driven.add_network()
    driven.run()
    assert driven.dock.results.choice.isHidden()
    driven.add_network("three", classes=3)
    driven.dock.inputs.network.choose("three")
    driven.run()
    assert not driven.dock.results.choice.isHidden()
    driven.dock.options.results.button(1).click()
    driven.until(driven.settled)
    assert driven.dock.results.choice.isHidden()


def test_a_choice_holds_for_what_comes_after_it():
    chosen = ChosenClasses().choose(5, 2, painted=False).choose(8, None, painted=False)
    chosen = chosen.choose(6, 1, painted=True)
    assert [chosen.of(n) for n in range(4, 10)] == [None, 2, 1, 2, None, None]
    assert chosen.choose(5, 1, painted=False).of(9) == 1
    assert chosen.choose(6, None, painted=True).of(6) is None
    found = np.array([0, 1, 2, 1], np.uint8)
    labels = np.array([[1, 2, 3], [4, 5, 0]])
    moved = chosen.choose(2, 1, painted=True).choose(1, 1, painted=True)
    assert moved.moved(found) == [2]
    assert moved.kinds(labels, found, None).tolist() == [0, 1, 1, 1, 1, 2]
