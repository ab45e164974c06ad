"""The Preview dock: what training sees of an annotated image, redrawn while sliders move."""

from dataclasses import replace
from functools import partial
from typing import Any

from napari.layers import Image, Labels
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QStackedWidget, QWidget

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.coordinates import from_layer, labels_shape
from napari_unet.widgets.layers.image_pairs import ImagePairs
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.preview.pages import ViewChoice, make_pages, usual_of
from napari_unet.widgets.preview.placement import fill_canvas, look_at_layers, turn_to
from napari_unet.widgets.preview.preview_layers import PreviewLayers
from napari_unet.widgets.preview.preview_request import (
    PreviewInput,
    PreviewRequest,
    PreviewResult,
    answer,
    facts,
    input_of,
    remarks,
    size_of,
)
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Dock, open_dock
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.layer_events import Connections, disconnect_all, timer
from napari_unet.widgets.shared.session import LatestRequest
from napari_unet.workflows.scheduler import Outcome


class InputChoice(QWidget):
    """The choice of an image and of its labels: its annotation, or else labels that fit."""

    changed = Signal()  # other layers were chosen, or have new data
    touched = Signal()  # the labels were perhaps painted in or restyled

    def __init__(self, viewer: Viewer, pairs: ImagePairs) -> None:
        super().__init__()
        self._pairs = pairs
        self.image = LayerChoice(viewer, (Image,), "Annotated image")
        self.labels = LayerChoice(viewer, (Labels,), "Labels", optional="none yet", fits=self._fits)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Annotated image", self.image)
        form.addRow("Labels", self.labels)
        self._watch = Connections()
        self._soon = timer(self, 0, self.touched.emit)  # once for several events
        self.image.changed.connect(self._take_image)
        self.labels.changed.connect(self._follow)
        self.labels.activated.connect(self._pair)
        pairs.changed.connect(self.choose_labels)
        self.destroyed.connect(partial(disconnect_all, self._watch))
        self.choose_labels()
        self._follow()

    def layers(self) -> tuple[Image, Labels]:
        """Return the image and its labels; ValueError if one is missing or does not fit."""
        image, labels = self.image.value(), self.labels.value()
        if image is None:
            raise ValueError(
                "there is no image yet: open one, or take one of File ▸ Open Sample ▸ napari-unet"
            )
        paired = self._pairs.annotation_of(image)
        if labels is None and paired is not None:
            from_layer(image, paired)  # says why it does not fit
        if labels is None:
            raise ValueError(
                f"'{image.name}' has no annotation yet: paint one in the Annotate dock, "
                "or choose its labels above"
            )
        return image, labels

    def choose_labels(self) -> None:
        """Choose the annotation of the image; without one, labels that fit it."""
        image = self.image.value()
        self.labels.reset_choices()
        fitting = [layer for layer in self.labels.choices() if layer is not None]
        paired = self._pairs.annotation_of(image) if image is not None else None
        if paired is not None:
            self.labels.setValue(paired if any(paired is one for one in fitting) else None)
        elif self.labels.value() is None and fitting:
            self.labels.setValue(fitting[0])

    def _fits(self, labels: Labels) -> bool:
        image = self.image.value()
        try:
            return image is not None and full_shape(labels) == labels_shape(image)
        except ValueError:
            return False

    def _take_image(self, *_: Any) -> None:
        """Handle another image, or new pixels of the same one."""
        self.choose_labels()
        self._follow()

    def _follow(self, *_: Any) -> None:
        """Connect to strokes and new data of the chosen layers."""
        self._watch.forget()
        image, labels = self.image.value(), self.labels.value()
        if image is not None:
            self._watch.follow(self._take_image, image.events.data)
        if labels is not None:
            events = labels.events
            self._watch.follow(
                self._touched, events.paint, events.set_data, events.data, events.colormap
            )
        self.changed.emit()

    def _touched(self, event: Event) -> None:
        self._soon.start()

    def _pair(self, place: int) -> None:
        """Pair the labels that a person chose with the image."""
        image, labels = self.image.value(), self.labels.value()
        if image is not None and labels is not None:
            self._pairs.pair(image, labels)


SETTLED = 200  # ms without a move of the camera before the new view is used
RESTED = 500  # ms after the last preview, when no other is expected
PATIENCE = 400  # ms after which the dock shows that it draws


class PreviewDock(Dock):
    """Live views of the annotated image; its values are those that Train uses."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.seed = 0
        self.preview_layers = PreviewLayers(self.viewer, self.session)
        self.latest = LatestRequest(self.session, parent=self)
        self._source: PreviewInput | None = None
        self._entered: tuple[Any, ...] = ()  # what the layers show: the image and the view
        self._size: tuple[int, ...] = ()
        self._last: dict[str, dict[str, float]] = {}  # the parameters of each formula
        self._build()
        self._connect()
        self._take_settings(self.session.settings)
        self._other_layers()

    def _build(self) -> None:
        self.chosen = InputChoice(self.viewer, self.session.pairs)
        self.views = ViewChoice()
        self.pages = make_pages()
        self.stack = QStackedWidget()
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.train = QPushButton("Train with these settings…")
        self.train.setToolTip(
            "Open the Train dock. It uses what is chosen here: the settings are the same ones"
        )
        for widget in (self.chosen, self.views, self.stack, self.note):
            self.body.addWidget(widget)
        self.foot.addWidget(self.train)

    def _connect(self) -> None:
        self.chosen.changed.connect(self._other_layers)
        self.chosen.touched.connect(self._refresh_preview)
        self.views.changed.connect(self._view_chosen)
        for page in self.pages.values():
            page.rows.edited.connect(self._edited)
            page.rerolled.connect(self.reroll)
            page.over_changed.connect(self._reveal)
            page.closed_up.connect(self._move_camera)
        self.train.clicked.connect(self._open_train)
        self.session.settings_changed.connect(self._take_settings)
        self.latest.answered.connect(self._answered)
        self.latest.failed.connect(self._failed)
        self.latest.busy_changed.connect(self._busy)
        key = QShortcut(QKeySequence("R"), self)
        key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        key.activated.connect(self.reroll)
        self._settled = timer(self, SETTLED, self._view_moved)
        self._patience = timer(self, PATIENCE, self._say_drawing)
        self._rested = timer(self, RESTED, self.preview_layers.catch_up)
        view = Connections()
        camera = self.viewer.scene.camera.events
        view.follow(self._moving, camera.center, camera.zoom, self.viewer.dims.events.current_step)
        view.follow(self._hover, self.viewer.cursor.events.position)
        self.destroyed.connect(partial(disconnect_all, view))

    def reset_choices(self, event: Event | None = None) -> None:
        """Follow the layer list."""
        super().reset_choices(event)
        self.chosen.choose_labels()

    def _take_settings(self, settings: TrainSettings) -> None:
        self._last[settings.weighting] = {"w0": settings.w0, "sigma": settings.sigma}
        for page in self.pages.values():
            page.rows.show_settings(settings)
        if self._source is None or self._source.whole:
            self._ask()
        else:
            self._refresh_preview()  # a network for volumes previews another part

    def _edited(self, name: str, value: Any) -> None:
        changes = {name: value}
        if name == "weighting":  # each formula has parameters of its own
            changes |= self._last.get(value) or usual_of(value)
        self.session.settings = replace(self.session.settings, **changes)

    def reroll(self) -> None:
        """Draw the next tile."""
        self.seed += 1
        self._ask()

    # -- asking and answering

    def _other_layers(self) -> None:
        """Drop requests of other layers."""
        self.latest.drop()
        self._source = None
        self._refresh_preview()

    def _view_chosen(self, view: str) -> None:
        self.stack.setCurrentWidget(self.pages[view])
        self._ask()

    def refresh_when_shown(self) -> None:
        """Redraw if something changed while the dock was hidden."""
        self._refresh_preview()

    def _refresh_preview(self) -> None:
        """Copy the labels as they are now, and request a preview."""
        before, self._source = self._source, None
        try:
            image, labels = self.chosen.layers()
            self._source = input_of(self.viewer, image, labels, self.session.settings.dims)
        except (ValueError, TypeError) as error:
            self.latest.drop()
            self._refuse(str(error))
            return
        if before is not None and before.same(self._source):
            self._source = before
        self._ask()

    def _ask(self) -> None:
        """Request the preview that the dock shows now."""
        if self._source is None or not self.in_front():
            return  # the dock shows why, or asks when it is visible again
        view, settings = self.views.value(), self.session.settings
        self.latest.ask(answer, PreviewRequest(view, self._source, settings, self.seed))

    def _answered(self, result: PreviewResult) -> None:
        view = result.request.view
        if result.request.source is not self._source or view != self.views.value():
            return  # a newer request is on its way
        if not self.in_front():
            return  # no preview is added while another dock is used
        try:
            image, labels = self.chosen.layers()
            new = self.preview_layers.show(image, labels, result)
        except ValueError as error:
            self._refuse(str(error))
            return
        self._rested.start()
        self._say(remarks(result))
        self.pages[view].facts.setText(facts(result))
        if new or self._entered != (image, view):
            self._reveal()
        turn_to(self.viewer, self.preview_layers.shown(image, view)[-1])
        if self._entered != (image, view) or self._size != size_of(result):
            self._move_camera(self.pages[view].closeup.isChecked(), moved=False)
        self._entered, self._size = (image, view), size_of(result)

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self._refuse(messages.in_words(outcome.error))

    def _refuse(self, sentence: str) -> None:
        """Show why there is no preview; the layers are hidden, not removed."""
        self._entered = ()
        self.preview_layers.reveal(None, ())
        for page in self.pages.values():
            page.facts.clear()
        self._say(f"⚠ {sentence[:1].upper()}{sentence[1:]}.")

    # -- showing

    def _reveal(self) -> None:
        image = self.chosen.image.value()
        self.preview_layers.reveal(image, self.pages[self.views.value()].kinds())
        if image is not None:
            self.preview_layers.redraw_lines(image)

    def _move_camera(self, close: bool, moved: bool = True) -> None:
        """Move the camera to the tile, alone or with its image, unless it is visible already."""
        image, view = self.chosen.image.value(), self.views.value()
        if image is None:
            return
        layers = self.preview_layers.shown(image, view)
        if close or moved:
            fill_canvas(self.viewer, layers[-1:] if close else layers)
        else:
            look_at_layers(self.viewer, layers, view != "weights")

    def _say(self, sentence: str) -> None:
        self.note.setText(sentence)
        self.note.setVisible(bool(sentence))

    def _busy(self, busy: bool) -> None:
        if busy:
            self._patience.start()
        else:
            self._patience.stop()

    def _say_drawing(self) -> None:
        self._say("Drawing…")

    def _moving(self, event: Event) -> None:
        self._settled.start()

    def _view_moved(self) -> None:
        """Follow the camera: the part of a large image, the channel, the width of lines."""
        image = self.chosen.image.value()
        if image is None or self._source is None:
            return
        self.preview_layers.redraw_lines(image)
        if not self._source.whole:
            self._refresh_preview()
        elif "C" in self._source.pixels.axes and not image.rgb:
            self._ask()

    def _hover(self, event: Event) -> None:
        """Show the weight of the pixel under the cursor."""
        image, page = self.chosen.image.value(), self.pages["weights"]
        if image is not None and self.views.value() == "weights":
            value = self.preview_layers.weight_at(image, self.viewer.cursor.position)
            page.hover.setText("Under the cursor: " + ("–" if value is None else f"{value:.3f}"))

    def _open_train(self) -> None:
        open_dock(self.viewer, "Train")
