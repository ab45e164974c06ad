"""Answer: a preview as the compute thread draws it, and the sentences that go with it."""

from dataclasses import dataclass
from typing import Any

from napari_unet.core.axes import spatial_axes
from napari_unet.core.settings import TrainSettings
from napari_unet.widgets.previewing.subject import Subject

VIEWS = ("deformation", "weights", "sample")


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be drawn. Crosses threads."""

    view: str
    subject: Subject
    settings: TrainSettings
    seed: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What was drawn: a TilePreview or a WeightPreview of core."""

    request: Request
    found: Any


def answer(request: Request) -> Answer:
    """Draw what was asked for. Compute thread only."""
    from napari_unet.core.preview import preview_tile, preview_weights

    annotation = request.subject.annotation()
    if request.view == "weights":
        return Answer(request, preview_weights(annotation, request.settings))
    return Answer(request, preview_tile(annotation, request.settings, request.seed))


def facts(given: Answer) -> str:
    """Say in numbers what is shown."""
    found = given.found
    if given.request.view == "weights":
        return f"Weights {found.low:.3g} to {found.high:.3g}; 0 where unlabelled."
    plane = _plane(given)
    if given.request.view == "sample":
        edges = found.sample.image.shape[1:]
        inner = found.sample.classes.shape
        sizes = f"The network sees {_size(edges)} px and answers for the inner {_size(inner)} px."
        return sizes + plane
    if not found.folded.pixels:
        return f"Nothing is folded. The grid lines are {found.mesh} px of the image apart.{plane}"
    return (
        f"⚠ {found.folded.pixels} px ({found.folded.share:.1%}) are folded over themselves, "
        "outlined in red: take less strength or fewer nodes."
    )


def remarks(given: Answer) -> str:
    """Say what should be known of what is shown, empty when there is nothing."""
    subject, found = given.request.subject, []
    if len(given.found.painted) == 1:
        only = "background" if given.found.painted == (0,) else "one class"
        found.append(f"⚠ Only {only} is painted: a network needs two classes, paint another one.")
    if not subject.whole:
        found.append(
            f"'{subject.name}' is too large to follow a slider: shown from the {subject.size()} px "
            "around the middle of the view, whose contrast and class balance are used."
        )
    return " ".join(found)


def size_of(given: Answer) -> tuple[int, ...]:
    """Return the shape of what is shown."""
    sample = getattr(given.found, "sample", None)
    return sample.image.shape if sample is not None else given.found.values.shape


def _plane(given: Answer) -> str:
    """Say of which plane of a stack the tile is, counted from 0 as napari's sliders do."""
    letters = spatial_axes(given.request.subject.pixels.axes)
    starts = {a: part.start for a, part in zip(letters, given.request.subject.region, strict=True)}
    leading = [a for a in "TZYX" if a in letters]
    places = zip(leading, given.found.sample.place.plane, strict=False)
    found = [f"{letter.lower()} {starts[letter] + index}" for letter, index in places]
    return f" Cut from {', '.join(found)}." if found else ""


def _size(edges: tuple[int, ...]) -> str:
    return " × ".join(str(edge) for edge in edges)
