"""What the closed sections of the docks are called: a word of the interface, never of the code."""

from dataclasses import fields

import pytest
from napari.components import ViewerModel

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.evaluate.dock import EvaluateDock
from napari_unet.widgets.segment.dock import SegmentDock
from napari_unet.widgets.shared.dock import Section
from napari_unet.widgets.train.dock import TrainDock

GROUPS = {field.metadata["group"] for field in fields(TrainSettings)}


@pytest.mark.parametrize(
    ("dock", "titles"),
    [
        (AnnotateDock, {"This layer", "From points or shapes", "More"}),
        (TrainDock, {"More", *GROUPS}),
        (SegmentDock, {"More"}),
        (EvaluateDock, {"All figures", "More"}),
    ],
)
def test_the_sections_have_the_names_that_the_guide_tells(dock, titles, qtbot):
    made = dock(ViewerModel())
    qtbot.addWidget(made)
    assert {section.title.text() for section in made.findChildren(Section)} == titles
