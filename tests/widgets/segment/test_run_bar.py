"""Start, pause and cancel, and in words what the run that is shown does."""

import numpy as np
import pytest


@pytest.mark.parametrize("large", [False, True], ids=["between tiles", "inside a tile"])
def test_cancel_is_quick_and_keeps_tiles(driven, known, large):
    driven.add_scene()
    driven.add_network(slow_layers=large)
    runs = driven.dock.runs
    driven.until(driven.planned)
    begun = known.pace.tiles  # by the plan, which measures the network
    if large:  # held within its tile, before the second layer
        known.pace.hold_after(1)
        runs.start.click()
        driven.until(lambda: known.pace.tiles == begun + 2)
    else:
        driven.start_slowly()
    assert runs.cancel.isVisibleTo(driven.dock)
    begun = known.pace.tiles
    runs.cancel.click()
    known.pace.let_go()
    driven.until(lambda: driven.dock.segmentations.run is None)
    driven.until(driven.settled)
    assert known.pace.tiles == begun, "a layer, or tile, was begun after all"
    assert runs.state.text().startswith("cancelled")
    assert runs.start.isEnabled()
    assert not runs.cancel.isVisibleTo(driven.dock)
    layer = driven.dock.result().layer
    expected = known.objects(known.scene())
    if large:
        assert layer is None
        assert "nothing was done" in runs.state.text()
    else:
        scored = driven.dock.result().cache.scores.scored
        assert 0 < scored.mean() < 1
        np.testing.assert_array_equal(layer.data > 0, (expected > 0) & scored)
    np.testing.assert_array_equal(driven.run().data, expected)
    assert not driven.messages()


def test_a_pause_rests_and_goes_on(driven, qtbot, known):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    driven.dock.runs.rest.click()
    known.pace.let_go()
    driven.at_rest(run)
    assert "paused" in driven.dock.runs.state.text()
    qtbot.wait(100)
    assert run.done == 3, "the tile that was begun is finished, and no other one"
    assert driven.dock.runs.rest.accessibleName() == "Go on"
    driven.dock.runs.rest.click()
    driven.until(driven.settled)
    layer = driven.dock.result().layer
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
