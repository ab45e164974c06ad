"""What crosses from the compute thread to a window: frozen values, imported without torch."""

import dataclasses
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from napari_unet.workflows import teaching_events
from napari_unet.workflows.teaching_events import Answer, Status, StrokesPredicted, TileDrawn

KINDS = [
    kind
    for kind in vars(teaching_events).values()
    if isinstance(kind, type) and kind.__module__ == teaching_events.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_cannot_change_what_it_is_told(kind):
    made = kind(*range(sum(f.default is dataclasses.MISSING for f in dataclasses.fields(kind))))
    for item in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, item.name, 0)


def test_each_kind_is_an_answer_or_comes_by_itself_or_in_another():
    answers = set(get_args(Answer))
    assert answers < set(KINDS)
    others = {kind.__name__ for kind in set(KINDS) - answers}
    assert others == {"Status", "TileDrawn", "StrokesPredicted", "SuggestedPlace"}


def test_values_are_compared_and_arrays_by_identity():
    foreseen = StrokesPredicted(0.5, 3, "half")
    assert Status("a", "nano", 1, 2, True, foreseen) == Status(
        "a", "nano", 1, 2, True, StrokesPredicted(0.5, 3, "half")
    )
    tiles = [TileDrawn((), np.zeros((2, 2)), np.zeros((2, 2, 2)), 1) for _ in range(2)]
    assert tiles[0] != tiles[1], "a comparison of arrays has no single answer"


def test_a_window_that_waits_for_them_does_not_load_torch():
    code = "import sys, napari_unet.workflows.teaching_events; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
