"""Planning: what the chosen segmentation will take, worked out beside the window."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_unet.widgets import say
from napari_unet.widgets.latest import Latest
from napari_unet.widgets.segmenting import scope
from napari_unet.widgets.segmenting.inputs import Inputs
from napari_unet.widgets.segmenting.request import Request
from napari_unet.widgets.segmenting.scoring import Expected, expect
from napari_unet.widgets.segmenting.words import count, duration, memory
from napari_unet.widgets.session import Session
from napari_unet.widgets.work import Outcome, Urgency


class Planning(QObject):
    """Tells, in a line, the plan, or the problem that has to be solved first."""

    told = Signal(str, str)  # plan, problem

    def __init__(self, session: Session, inputs: Inputs) -> None:
        super().__init__(inputs)
        self._inputs = inputs
        self._latest = Latest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._answered)
        self._latest.failed.connect(self._failed)
        inputs.edited.connect(self._look)
        inputs.changed.connect(self.ask)

    @property
    def busy(self) -> bool:
        """Whether a plan is being made."""
        return self._latest.busy

    def ask(self) -> None:
        """Plan what is chosen now."""
        try:
            if self._inputs.scope == scope.FOLDER:
                source, target = self._inputs.folder.folders()
                self._latest.ask(_expect_folder, source, target)
            else:
                requests = [request for _, request in self._inputs.requests()]
                self._latest.ask(_expect_all, requests)
        except ValueError as error:
            self._refuse(str(error))

    def _look(self) -> None:
        """Say at once what is wrong; a plan comes when the choices have settled."""
        try:
            if self._inputs.scope == scope.FOLDER:
                self._inputs.folder.folders()
            else:
                self._inputs.requests()
        except ValueError as error:
            self._refuse(str(error))
        else:
            self.told.emit("", "")

    def _refuse(self, problem: str) -> None:
        self._latest.drop()
        self.told.emit("", problem[:1].upper() + problem[1:])

    def _answered(self, text: str) -> None:
        self.told.emit(text, "")

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        words = say.in_words(outcome.error)
        self.told.emit("", words[:1].upper() + words[1:])


def _expect_all(requests: Sequence[Request]) -> str:
    """Return the plan of all images together; compute thread."""
    plans = [expect(request) for request in requests]
    return plan_line(plans)


def plan_line(plans: Sequence[Expected]) -> str:
    """Return '≈ 16 tiles · 9 s · 1.1 GB'."""
    tiles = count(sum(plan.tiles for plan in plans), "tile")
    seconds = duration(sum(plan.seconds for plan in plans))
    images = f"{len(plans)} images · " if len(plans) > 1 else ""
    return f"≈ {images}{tiles} · {seconds} · {memory(max(plan.memory for plan in plans))}"


def _expect_folder(source: Path, target: Path) -> str:
    """Return how many images there are; compute thread, because a disk may be slow."""
    from napari_unet.core.files.imagefile import is_image

    found = sum(is_image(path) for path in source.iterdir())
    if not found:
        raise ValueError(f"the folder {source} holds no image file that can be read")
    if source.resolve() == target.resolve():
        raise ValueError("results would be mixed with the images: choose another folder for them")
    return f"{count(found, 'image')} · results go to {target}"
