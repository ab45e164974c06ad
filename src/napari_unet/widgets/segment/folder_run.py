"""Segments every image file of a folder into files, by the workflow of the command line."""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.text import count
from napari_unet.widgets.segment.runs import Run
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import ComputePreferences, JobFactory, Outcome, Urgency
from napari_unet.workflows.segment_image import CancelFlag, Cancelled, watching
from napari_unet.workflows.segment_request import LabelOptions, fingerprint

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet

SECONDS = 4.0  # a tile may take


@dataclass(frozen=True, eq=False)
class FolderRequest:
    """Which files are to be segmented, with what, how and into what."""

    source: Path
    target: Path
    network: Any
    look: LabelOptions
    average: str = "none"
    tile: int | None = None
    form: str = "tiff"
    scores: bool = False
    machine: ComputePreferences = field(default_factory=ComputePreferences)


@dataclass(frozen=True)
class FolderProgress:
    """How far the files are."""

    number: int  # of the file at work, from 1
    count: int
    name: str
    share: float = 0.0  # of this file
    message: str = ""  # what somebody should know
    failed: str = ""  # why it could not be segmented
    skipped: bool = False  # its results are there already


def segment_folder(
    request: FolderRequest, cancel: CancelFlag
) -> Generator[FolderProgress, None, None]:
    """Segment file after file; one that fails is told and does not stop the others."""
    from napari_unet.core.files.image_file import is_image

    _check(request)
    paths = sorted(path for path in request.source.iterdir() if is_image(path))
    if not paths:
        raise ValueError(f"the folder {request.source} holds no image file that can be read")
    request.target.mkdir(parents=True, exist_ok=True)
    ready = replace(request, network=_on_device(request))
    digest = fingerprint(request.network)
    for number, path in enumerate(paths, start=1):
        state = FolderProgress(number, len(paths), path.name)
        yield state
        try:
            yield from _segment_file(ready, digest, path, state, cancel)
        except Cancelled:
            return
        except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
            yield replace(state, failed=str(error) or "memory is not enough")


def _check(request: FolderRequest) -> None:
    if not request.source.is_dir():
        raise ValueError(f"there is no folder {request.source}: choose one with images")
    if request.source.resolve() == request.target.resolve():
        raise ValueError(
            f"results in {request.target} would be mixed with the images: choose another folder"
        )


def _on_device(request: FolderRequest) -> "UNet":
    import copy

    from napari_unet.core.runtime.device import choose_device

    return copy.deepcopy(request.network).to(choose_device(request.machine.device))


def _segment_file(
    request: FolderRequest, digest: str, path: Path, state: FolderProgress, cancel: CancelFlag
) -> Generator[FolderProgress, None, None]:
    from napari_unet.core.files.image_file import open_image
    from napari_unet.core.segmentation.score_tiles import score_here
    from napari_unet.workflows.segment_files import Choices, FileSegmentation, Outputs

    # planes and volumes are joined by what segments files, as the network sees them
    image, options = open_image(path).in_order(), replace(request.look, volume=False)
    settings = options.settings(request.network.dims, len(image.axes.replace("C", "")))
    outputs = Outputs(
        request.target,
        request.form,
        scores=request.scores,
        objects=settings if options.objects else None,
        threshold=options.threshold,
    )
    if all(result.exists() for result in outputs.paths(path).values()):
        yield replace(state, skipped=True)
        return

    def score(scoring: Any, *rest: Any) -> Any:
        with watching(scoring.scorer.network, cancel):
            yield from score_here(scoring, *rest)

    choices = Choices(request.tile, request.machine.memory_bytes, request.average, SECONDS)
    run = FileSegmentation(image, request.network, digest, outputs, choices)
    for progress in run.run(score):
        share = progress.done / progress.total if progress.total else 0.0
        yield replace(state, share=share, message=progress.told)


class FolderRun(Run):
    """Segments a folder; what is finished stays, and another run goes on from there."""

    def __init__(self, session: Session, request: FolderRequest) -> None:
        super().__init__(
            session, f"Segmenting the folder {request.source.name}", Urgency.SEGMENTATION
        )
        self.request = request
        self.failed: dict[str, str] = {}
        self.skipped: set[str] = set()
        self.finished = 0
        self._number = 0

    def make(self, cancel: CancelFlag) -> JobFactory:
        """Return the generator of files."""
        return partial(segment_folder, self.request, cancel)

    def arrived(self, values: list[Any]) -> None:
        """Say which file it is, and tell of what went wrong."""
        for state in values:
            if state.number != self._number:
                self._number, self.finished = state.number, state.number - 1
            if state.failed:
                self.failed[state.name] = state.failed
                messages.warn(f"{state.name}: {state.failed}")
            if state.skipped:
                self.skipped.add(state.name)
            if state.message:
                messages.info(f"{state.name}: {state.message}")
            self.share = (state.number - 1 + state.share) / state.count
            self.text = f"file {state.number} of {state.count}: {state.name}{self.time_left()}"
        self.changed.emit()

    def finish(self, outcome: Outcome) -> None:
        """Say how many files are done, and where."""
        done = self.finished + (not self.cancelled and outcome.error is None and self._number > 0)
        done -= len(self.failed) + len(self.skipped)
        parts = [f"{count(done, 'file')} segmented"]
        if self.skipped:
            parts.append(f"{len(self.skipped)} done before and kept")
        if self.failed:
            parts.append(f"{len(self.failed)} failed ({', '.join(self.failed)})")
        if outcome.error is not None:
            self.text = messages.in_words(outcome.error)
        else:
            state = "cancelled: " if self.cancelled else ""
            self.text = f"{state}{', '.join(parts)}; in {self.request.target}"
