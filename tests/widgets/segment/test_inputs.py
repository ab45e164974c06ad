"""The inputs of a segmentation: what is missing is said, and what it will take."""

import re

import numpy as np


def test_what_is_missing_is_said_and_a_plan_stands_there_before_the_start(driven, known):
    runs = driven.dock.runs
    assert runs.plan.text() == "There is no network yet: train one in Train, or load a file"
    assert not runs.start.isEnabled()
    assert "no network" in runs.start.toolTip()
    assert "no network" in driven.dock.inputs.network.toolTip()
    driven.add_network()
    assert "no image" in runs.plan.text()
    driven.viewer.add_image(np.zeros((40, 40, 3), np.uint8), name="colour", rgb=True)
    driven.until(lambda: "channels" in runs.plan.text())
    assert "has 3 channels and the network takes 1" in runs.plan.text()
    assert not runs.start.isEnabled()
    driven.add_scene()
    driven.dock.inputs.image.setValue(driven.viewer.layers["scene"])
    driven.until(lambda: runs.plan.text().startswith("≈"))
    assert re.fullmatch(r"≈ 1 tile · .+ · \d\.\d MB", runs.plan.text())
    assert runs.start.isEnabled()
    driven.dock.more.tile.setValue(48)
    driven.until(lambda: "≈ 20 tiles" in runs.plan.text())
    driven.dock.more.tile.setValue(47)
    driven.until(lambda: not runs.start.isEnabled())
    assert "46" in runs.plan.text() or "48" in runs.plan.text()
    assert not driven.messages()
