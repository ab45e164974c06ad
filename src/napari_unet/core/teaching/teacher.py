"""Teacher: the live loop without a window.

Changed regions of an annotation go in; networks that were taught by them come out, with previews
of any box. To be used from one thread at a time.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.boxes import Box
from napari_unet.core.network import UNet
from napari_unet.core.teaching import keeping, taught
from napari_unet.core.teaching.codes import codes_of
from napari_unet.core.teaching.lesson import Lesson
from napari_unet.core.teaching.quality import BlindCheck
from napari_unet.core.teaching.region import AnyBox
from napari_unet.core.teaching.screen import Beside
from napari_unet.core.teaching.suggestion import Scout, Suggestion
from napari_unet.core.teaching.workingsize import FACTORS, WorkingSize, suggested, widths_of

MINDS = 3  # published states compared to find where the network changed its mind


class Teacher(Lesson):
    """Teaches a network from strokes on ``image``; ``classes`` counts the background.

    Boxes are slices along the axes of the annotation (the image's, channels left out), an index in
    the place of a slice for planes. With ``project``, a folder, what ``save`` wrote there is taken
    up: the network, and the strokes if they were painted on this image.
    """

    def __init__(
        self,
        image: Any,
        *,
        axes: str | None = None,
        classes: int = 2,
        seed: int = 0,
        project: Path | str | None = None,
    ) -> None:
        super().__init__(image, axes, classes, seed)
        self._scout = Scout(self._picture, self._strokes, self._name)
        self.check = BlindCheck(seed)  # windows drawn at random, judged by the person
        self._project = None if project is None else Path(project)
        if self._project is not None:
            self._take_up(self._project)

    def confirm(self, box: AnyBox) -> np.ndarray:
        """Return the codes the network would paint in ``box``, for pixels that are right already.

        The caller writes those that were brushed and paints them with ``confirmed=True``.
        """
        return codes_of(self.predict(box)[0])

    def remove_confirmed(self) -> list[Box]:
        """Forget all confirmed pixels; return the boxes in which the annotation has to be read."""
        gone = [stroke for stroke in self._strokes if stroke.confirmed]
        self._strokes.remove(gone)
        if gone:
            self._course.changed()
        return [(*(slice(i, i + 1) for i in s.plane), *s.box) for s in gone]

    def suggest(self, n: int = 5) -> list[Suggestion]:
        """Return up to ``n`` places where a stroke would teach most, with the reason in words."""
        screens = [state.screen() for state in self._shelf.states[-MINDS:]]
        return self._scout.suggest(screens, n)

    def add_class(self) -> int:
        """Add a class while all else stays as it is; return its code in the annotation."""
        self._regroup([*range(self.classes), None])
        return self.classes

    def remove_class(self, code: int) -> None:
        """Remove the class with this code and its strokes; codes above it become one less."""
        if not 2 <= code <= self.classes or self.classes == 2:
            raise ValueError(
                f"class {code} cannot be removed: of {self.classes} classes the background and "
                "one other stay"
            )
        kind = code - 1
        self._strokes.remove([stroke for stroke in self._strokes if stroke.kind == kind])
        self._strokes.renumber_kinds({k: k - 1 for k in range(kind + 1, self.classes)})
        self._regroup([k for k in range(self.classes) if k != kind])

    @property
    def working_size(self) -> int:
        """How many pixels of the image are one of the network, along each axis."""
        return self._picture.factor

    def suggest_working_size(self) -> WorkingSize | None:
        """Return the working size that fits the painted objects, or None where it does."""
        shown = self._shelf.screen() if self._shelf.last else None
        return suggested(widths_of(self._strokes, self._view, shown), self.working_size)

    def work_at(self, factor: int) -> None:
        """Train and predict at a working size of 1, 2 or 4; results stay on the image's grid."""
        if factor not in FACTORS:
            raise ValueError(f"the working size is {factor}: choose one of {FACTORS}")
        self._picture.resize(factor)
        self._strokes.resize(factor)
        self._course.forget_marks()

    def network(self, pixel_size: dict[str, float] | None = None) -> UNet:
        """Return a copy of the network, to segment or train on; ``pixel_size`` is the image's.

        A preview shows it with a glance beside it (``glance.py``), which is not part of it.
        """
        return taught.network(self._shelf, self._normalisation, self.working_size, pixel_size)

    def adopt(self, network: UNet, beside: Beside | None = None) -> None:
        """Go on from a network that was taught elsewhere, for example on another image."""
        state = replace(taught.state(network, self._picture.channels, self._seed), beside=beside)
        self._classes = network.classes
        self._course.adopt(state)

    def save(self) -> None:
        """Write network, strokes and working size into the project's folder."""
        if self._project is None:
            raise ValueError("nowhere to save to: make the Teacher with project=, a folder")
        last = self._shelf.last
        keeping.save(self._project, self.network() if last else None, self._picture, self._strokes)
        keeping.save_beside(self._project, last.beside if last else None)

    def _take_up(self, folder: Path) -> None:
        facts = keeping.load_facts(folder)
        if not facts:
            return
        self.work_at(int(facts["factor"]))
        network = keeping.load_taught(folder)
        if network is not None:
            self.adopt(network, keeping.load_beside(folder, self._filters, network))
        keeping.load_strokes(folder, self._picture, self._strokes)

    def _regroup(self, kept: list[int | None]) -> None:
        self._classes = len(kept)
        self._course.regroup(kept)
