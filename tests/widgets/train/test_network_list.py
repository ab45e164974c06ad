"""The networks of a session: the newest first, chosen, renamed, saved and removed by name."""

from datetime import datetime, timedelta

import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train import network_list
from napari_unet.widgets.train.network_list import NONE, NetworkList
from napari_unet.widgets.train.trainings import Trainings

NOW = datetime(2026, 1, 1)


@pytest.fixture
def session(qapp):
    return Session.of(ViewerModel())


@pytest.fixture
def listed(session, qtbot):
    made = NetworkList(Trainings.of(session))
    qtbot.addWidget(made)
    made.told = []
    made.chosen.connect(made.told.append)
    return made


def add(session, name, hours=0, **more):
    made = NOW + timedelta(hours=hours)
    return session.networks.add(KeptNetwork(name, object(), made=made, **more))


def names(listed):
    tree = listed.tree
    return [tree.topLevelItem(n).text(0) for n in range(tree.topLevelItemCount())]


def test_the_newest_comes_first_and_what_was_chosen_stays(session, listed, tmp_path):
    assert listed.tree.isHidden()
    assert listed.current() is None
    assert not listed.further.isEnabled()
    assert listed.save.toolTip() == NONE
    first = add(session, "first", 1, score=0.876)
    assert listed.current() is first
    add(session, "second", 2, path=tmp_path / "second.safetensors")
    assert names(listed) == ["second", "first"]
    assert listed.current() is first
    assert listed.tree.topLevelItem(1).text(1) == "0.88"
    assert listed.tree.topLevelItem(0).text(1) == "–"
    assert "kept in" in listed.tree.topLevelItem(0).toolTip(0)
    listed.choose("second")
    assert listed.told[-1].name == "second"
    session.networks.remove("second")
    assert listed.current() is first


def test_buttons_act_on_the_chosen_network(session, listed, monkeypatch, tmp_path):
    further, saved, opened = [], [], []
    listed.go_on.connect(further.append)
    monkeypatch.setattr(network_list, "ask_where_to_save", lambda parent, name: tmp_path / "n")
    monkeypatch.setattr(network_list, "ask_for_network", lambda parent, folder: tmp_path / "o")
    monkeypatch.setattr(network_list, "save_network", lambda *a, **k: saved.append(a[1:]))
    monkeypatch.setattr(network_list, "open_network", lambda *a: opened.append(a[1]))
    add(session, "cells")
    listed.further.click()
    listed.save.click()
    listed.open.click()
    assert further == ["cells"]
    assert saved == [("cells", tmp_path / "n")]
    assert opened == [tmp_path / "o"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((" nuclei ", True), ["nuclei", "other"]),
        (("nuclei", False), ["cells", "other"]),
        (("  ", True), ["cells", "other"]),
        (("other", True), ["cells", "other"]),
    ],
)
def test_a_network_is_renamed_unless_the_name_is_taken(session, listed, monkeypatch, answer, found):
    add(session, "cells")
    add(session, "other")
    listed.choose("cells")
    monkeypatch.setattr(network_list.QInputDialog, "getText", lambda *a, **k: answer)
    count = len(notification_manager.records)
    listed._rename()
    assert sorted(names(listed)) == found
    assert (len(notification_manager.records) > count) == (answer[0] == "other")


@pytest.mark.parametrize("agreed", [False, True])
def test_a_network_in_no_file_is_removed_only_after_asking(session, listed, monkeypatch, agreed):
    questions = []
    monkeypatch.setattr(
        network_list,
        "confirmed_by_user",
        lambda parent, question: questions.append(question) or agreed,
    )
    add(session, "cells")
    listed._remove()
    assert "cells is in no file and would be lost" in questions[0]
    assert names(listed) == ([] if agreed else ["cells"])


def test_a_saved_network_is_removed_at_once_and_its_file_named(session, listed, tmp_path):
    add(session, "cells", path=tmp_path / "cells.safetensors")
    count = len(notification_manager.records)
    listed._remove()
    assert names(listed) == []
    assert str(tmp_path / "cells.safetensors") in str(notification_manager.records[count].message)
