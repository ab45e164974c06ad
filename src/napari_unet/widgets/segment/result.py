"""The result of one image: its kept scores, and the layers of objects and classes that show them.

A person may edit both layers. A layer that was edited is never written to again, and the next
result gets a layer of its own. Scores and uncertainty can be shown as image layers; they are made
of the kept scores, without running the network again.
"""

import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.core.arrays.boxes import Pixels, pieces
from napari_unet.widgets.layers.label_classes import new_class, set_classes
from napari_unet.widgets.layers.layers import notes, region_write
from napari_unet.widgets.segment.region_choice import LayerGeometry
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.segment_image import TileDone
from napari_unet.workflows.segment_request import LabelOptions, ResultCache

if TYPE_CHECKING:
    from napari_unet.core.segmentation.kept_scores import LabelResult


@dataclass(frozen=True)
class ChosenClasses:
    """The classes that a person chose for objects; None means the class that the scores prefer.

    ``later`` has classes for new objects from a label on. New objects have larger labels than all
    before, so a label tells whether an object came after a choice.
    """

    given: dict[int, int | None] = field(default_factory=dict)  # class by label
    later: tuple[tuple[int, int | None], ...] = ()  # (label, class), by label

    def of(self, label: int) -> int | None:
        """Return the class chosen for ``label``."""
        if label in self.given:
            return self.given[label]
        return next((kind for start, kind in reversed(self.later) if label >= start), None)

    def choose(self, label: int, kind: int | None, painted: bool) -> "ChosenClasses":
        """Return a copy with a class for ``label``; if it is not painted, for later ones, too."""
        if painted:
            return replace(self, given={**self.given, label: kind})
        before = tuple(entry for entry in self.later if entry[0] < label)
        return replace(self, later=(*before, (label, kind)))

    def moved(self, scored: np.ndarray) -> list[int]:
        """Return the labels whose chosen class differs from ``scored``, the classes by label."""
        chosen = ((label, kind) for label, kind in self.given.items() if label < len(scored))
        return [label for label, kind in chosen if kind is not None and kind != scored[label]]

    def kinds(self, labels: np.ndarray, scored: np.ndarray, scores: Pixels | None) -> np.ndarray:
        """Return the class of each object in ``labels``, by label (0: background), uint8.

        ``scored`` are the classes of the objects of the network. Without ``scores``
        (classes, *shape of the labels), objects that a person added are of the first class.
        """
        kinds = np.ones(max(int(labels.max(initial=0)) + 1, len(scored)), np.uint8)
        kinds[: len(scored)] = np.maximum(scored, 1)
        added = np.unique(labels[labels >= len(scored)]).tolist()
        open_ = [label for label in added if label and self.of(label) is None]
        if open_ and scores is not None and tuple(scores.shape[1:]) == labels.shape:
            from napari_unet.core.objects.object_table import preferred_classes

            kinds[open_] = preferred_classes(labels, scores, open_)
        for label in {*added, *self.given} - {*open_}:
            kind = self.of(label)
            if label < len(kinds) and kind is not None:
                kinds[label] = kind
        kinds[0] = 0
        return kinds


KINDS = {True: "segmented", False: "segmented classes"}  # by ``LabelOptions.objects``
LARGEST = np.iinfo(np.uint16).max


@dataclass(frozen=True, eq=False)
class WrittenLabels:
    """What the network wrote into a layer; pixels that differ were changed by a person."""

    image: "weakref.ref[Image]"
    place: LayerGeometry
    labels: np.ndarray  # in the axes of the layer
    kinds: np.ndarray  # class of each object; shape (1,) if the labels are classes
    objects: bool
    classes: tuple[LabelClass, ...]  # background first
    chosen: ChosenClasses = field(
        default_factory=ChosenClasses
    )  # by a person, since it was written

    @property
    def has_choice(self) -> bool:
        """Whether objects can be of several classes."""
        return self.objects and len(self.classes) > 2


class Result(QObject):
    """The result of one image; ``options`` are those of its labels. GUI thread."""

    changed = Signal()

    def __init__(
        self,
        session: Session,
        image: Image,
        written: "weakref.WeakKeyDictionary[Labels, WrittenLabels]",
    ) -> None:
        super().__init__()
        self.cache = ResultCache()  # compute thread only
        self.place = LayerGeometry.of(image)
        self.options = LabelOptions()
        self.objects = 0  # number of objects in the layer
        self.classes: tuple[LabelClass, ...] = (new_class(0), new_class(1))
        self.running = False  # a run writes tiles; all labels are made anew when it ends
        self._wanted = True
        self._session = session
        self._image = weakref.ref(image)
        self._written = written
        self._shown: dict[bool, Labels] = {}
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._labelled)
        self._latest.failed.connect(self._failed)

    @property
    def image(self) -> Image | None:
        """The image, None if it was removed."""
        return self._image()

    @property
    def busy(self) -> bool:
        """Whether new labels are being made."""
        return self._latest.busy

    @property
    def layer(self) -> Labels | None:
        """The layer that shows the result, None if there is none."""
        layer = self._shown.get(self.options.objects)
        return layer if self._is_there(layer) else None

    @property
    def written(self) -> WrittenLabels | None:
        """What the network wrote into the layer that shows the result."""
        layer = self.layer
        return None if layer is None else self._written.get(layer)

    def choose_class(self, label: int, kind: int | None) -> None:
        """Set the class of an object to ``kind``; None: to the class that the scores prefer.

        An existing object is corrected by it. For a new one, the class holds for later ones, too.
        """
        layer, written = self.layer, self.written
        if layer is None or written is None:
            return
        painted = bool((np.asarray(layer.data) == label).any())
        chosen = written.chosen.choose(label, kind, painted)
        self._written[layer] = replace(written, chosen=chosen)
        if painted:
            self._session.results.touch(layer)
        self.changed.emit()

    def begin(self, place: LayerGeometry, about: dict[str, Any]) -> dict[bool, np.ndarray | None]:
        """Prepare for a run; return the labels to show until tiles replace them.

        ``about`` is the network's: its classes are used from now on.
        """
        self.place, self.running, self._wanted = place, True, True
        named = about.get("classes") or ()
        classes = tuple(LabelClass(str(one["name"]), str(one["color"])) for one in named)
        self.classes = classes or (new_class(0), new_class(1))
        self._latest.drop()
        return {objects: self._base(objects) for objects in KINDS}

    def end(self) -> None:
        """End a run: make labels of all scores, unless their layer was removed."""
        self.running = False
        if self._wanted:
            self.refresh()

    def set_options(self, options: LabelOptions) -> None:
        """Make labels with other options, without running the network."""
        if options != self.options:
            self.options = options
            self.refresh()

    def refresh(self) -> None:
        """Make labels anew, unless a run does so when it ends."""
        if not self.running:
            self._latest.ask(_relabel, self.cache, self.options)

    def show_block(self, block: TileDone) -> None:
        """Write the labels of one tile into the layer."""
        layer = self._to_write_to()
        if layer is None:
            return
        region = self.place.region(block.region)
        labels = block.labels
        if layer.data.dtype.itemsize < 4:
            labels = np.where(labels > 0, (labels - 1) % LARGEST + 1, 0)
        new = self.place.block(labels).astype(layer.data.dtype)
        if block.inside is not None:
            old = np.asarray(layer.data[region])
            new = np.where(self.place.block(block.inside), new, old)
        self._written[layer].labels[region] = new
        region_write(layer, region, new)

    def was_removed(self) -> bool:
        """Whether the layer that the run writes to was removed from the viewer."""
        layer = self._shown.get(self.options.objects)
        return layer is not None and not self._is_there(layer)

    def forget_layer(self) -> None:
        """Forget the layer of the result, so that it is not made again."""
        self._wanted = False
        self._shown.pop(self.options.objects, None)

    def _base(self, objects: bool) -> np.ndarray | None:
        image = self.image
        layer = None if image is None else self._session.results.find(image, KINDS[objects])
        written = self._written.get(layer) if layer is not None else None
        if written is None or written.place.labels_shape != self.place.labels_shape:
            return None
        return self.place.flat(written.labels).copy()

    def _to_write_to(self) -> Labels | None:
        """Return the layer for the tiles of a run: the existing one, or a new one."""
        image, objects = self.image, self.options.objects
        if image is None:
            return self._orphan()
        layer = self._session.results.find(image, KINDS[objects])
        if layer is not None and layer in self._written and layer.data.shape == self.place.shape:
            self._shown[objects] = layer
            return layer
        before = self._written.get(self._shown.get(objects)) if objects in self._shown else None
        if before is not None and before.labels.shape == self.place.shape:
            data = before.labels.copy()
        else:
            data = np.zeros(self.place.shape, np.uint16 if objects else np.uint8)
        return self._show(image, data, np.zeros(1, np.uint8))

    def _orphan(self) -> Labels | None:
        """Return the result layer of a removed image, if a run still writes to it."""
        layer = self.layer
        return None if layer is None or self._session.results.touched(layer) else layer

    def _labelled(self, labelled: "LabelResult | None") -> None:
        image = self.image
        if labelled is None or image is None or self.running:
            self.changed.emit()
            return
        if tuple(labelled.labels.shape) == self.place.labels_shape:
            self.objects = len(labelled.kinds) - 1
            self._show(image, self.place.block(labelled.labels), labelled.kinds)
        self.changed.emit()

    def _show(self, image: Image, data: np.ndarray, kinds: np.ndarray) -> Labels:
        """Show ``data``, and keep it as what the network wrote."""
        objects = self.options.objects
        before = self._shown.get(objects)
        layer = self._session.results.show(
            Labels, image, KINDS[objects], data.copy(), self.place.geometry, opacity=0.6
        )
        self._shown[objects] = layer
        if layer is not before:
            self._tell_of_new(before, layer)
        notes(layer)["segmented"] = image.name
        set_classes(
            layer, self.classes, LabelCode("background", "objects" if objects else "classes")
        )
        self._written[layer] = WrittenLabels(
            weakref.ref(image), self.place, data, kinds, objects, self.classes
        )
        return layer

    def _tell_of_new(self, before: Labels | None, layer: Labels) -> None:
        if before is not None and self._is_there(before):
            messages.info(
                f"'{before.name}' was edited and stays as it is: "
                f"the new result is in '{layer.name}'"
            )

    def _failed(self, outcome: Outcome) -> None:
        messages.failed("Making labels of the scores", outcome)
        self.changed.emit()

    def _is_there(self, layer: Labels | None) -> bool:
        viewer = self._session.viewer
        return viewer is not None and any(layer is other for other in viewer.layers)


def _relabel(cache: ResultCache, options: LabelOptions) -> "LabelResult | None":
    """Make the labels; compute thread."""
    return cache.relabel(options)


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
        self._latest.ask(score_maps, result.cache, names)

    def show_uncertainty(self, result: Result) -> None:
        """Show the uncertainty: 0 for one certain class, 1 for all classes alike."""
        self._result = result
        self._latest.ask(uncertainty_map, result.cache)

    def _show(self, maps: dict[str, np.ndarray]) -> None:
        result = self._result
        image = None if result is None else result.image
        if result is None or image is None:
            return
        for kind, values in maps.items():
            self._session.results.show(
                Image,
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


def score_maps(cache: ResultCache, names: list[str]) -> dict[str, np.ndarray]:
    """Return the scores (float32) of each class but the background; compute thread."""
    scores: Any = cache.scores
    return {
        f"score of {names[number] if number < len(names) else f'class {number}'}": scores[number]
        for number in range(1, scores.shape[0])
    }


def uncertainty_map(cache: ResultCache) -> dict[str, np.ndarray]:
    """Return the entropy of the scores, piece by piece; compute thread."""
    from napari_unet.core.segmentation.segment import entropy

    scores: Any = cache.scores
    uncertainty = np.zeros(scores.shape[1:], np.float32)
    for box in pieces(uncertainty.shape):
        uncertainty[box] = entropy(scores[(slice(None), *box)])
    return {UNCERTAINTY: uncertainty}
