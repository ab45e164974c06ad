"""Overlays: the scores and the uncertainty of a result as image layers, when somebody wants them.

They are made of the scores that were kept: the network is not asked again.
"""

from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_unet.widgets.segment.result import Result
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.latest_request import LatestRequest
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.score_cache import CacheChoice

UNCERTAINTY = "uncertainty"
COLORMAPS = {UNCERTAINTY: "inferno"}


class Overlays(QObject):
    """Asks for overlays of a result and shows them."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._show)
        self._latest.failed.connect(self._failed)
        self._result: Result | None = None

    def show_scores(self, result: Result) -> None:
        """Show the score of each class but the background, from 0 to 1."""
        names = [entry.name for entry in result.classes]
        self._result = result
        self._latest.ask(score_maps, result.keeping, names)

    def show_uncertainty(self, result: Result) -> None:
        """Show where the network hesitates: 0 sure, 1 all classes alike."""
        self._result = result
        self._latest.ask(uncertainty_map, result.keeping)

    def _show(self, maps: dict[str, np.ndarray]) -> None:
        result = self._result
        image = None if result is None else result.image
        if result is None or image is None:
            return
        for kind, values in maps.items():
            self._session.results.image(
                image,
                kind,
                result.place.block(values),
                result.place.geometry,
                colormap=COLORMAPS.get(kind, "viridis"),
                contrast_limits=(0, 1),
                opacity=0.6,
            )

    def _failed(self, outcome: Outcome) -> None:
        messages.failed("Making a layer of the scores", outcome)


def score_maps(keeping: CacheChoice, names: list[str]) -> dict[str, np.ndarray]:
    """Return the scores (float32) of each class but the background; compute thread."""
    scores: Any = keeping.scores
    return {
        f"score of {names[number] if number < len(names) else f'class {number}'}": scores[number]
        for number in range(1, scores.shape[0])
    }


def uncertainty_map(keeping: CacheChoice) -> dict[str, np.ndarray]:
    """Return the entropy of the scores, row by row of the first axis; compute thread."""
    from napari_unet.core.segmentation.segment import entropy

    scores: Any = keeping.scores
    found = np.zeros(scores.shape[1:], np.float32)
    rows = max(2**22 // max(int(np.prod(found.shape[1:])), 1), 1)
    for first in range(0, len(found), rows):
        part = slice(first, first + rows)
        found[part] = entropy(scores[:, part])
    return {UNCERTAINTY: found}
