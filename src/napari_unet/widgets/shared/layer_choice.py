"""A combo box of the layers of a viewer that keeps its layer when others change."""

from collections.abc import Callable

from napari.layers import Layer
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_unet.widgets.layers.layers import is_preview, unwrapped


class LayerChoice(QComboBox):
    """Chooses one of the layers of ``kinds``; the topmost until a person chooses.

    ``reset_choices`` follows the layer list; ``Dock`` passes on napari's call. A layer
    that is renamed or moved stays chosen; if it is removed, the topmost other is chosen.
    ``optional`` is the text for choosing none. Preview layers are not listed.
    """

    changed = Signal(object)  # Layer, or None

    def __init__(
        self,
        viewer: Viewer,
        kinds: tuple[type[Layer], ...],
        name: str,
        *,
        optional: str = "",
        fits: Callable[[Layer], bool] | None = None,
    ) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._kinds = kinds
        self._optional = optional
        self._fits = fits
        self._layers: list[Layer | None] = []
        self._emitted: Layer | None = None
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.currentIndexChanged.connect(self._emit_if_changed)
        self.reset_choices()

    def value(self) -> Layer | None:
        """Return the chosen layer."""
        place = self.currentIndex()
        return self._layers[place] if 0 <= place < len(self._layers) else None

    def setValue(self, layer: Layer | None) -> None:  # noqa: N802 - the name Qt's editors have
        """Choose ``layer``, if it is listed."""
        if layer is None and not self._optional:
            return
        self.reset_choices()
        if any(layer is other for other in self._layers):
            self.setCurrentIndex(self._place(layer))

    def choices(self) -> list[Layer | None]:
        """Return what can be chosen, in the order shown."""
        return list(self._layers)

    def reset_choices(self, event: Event | None = None) -> None:
        """List the present layers."""
        before = self.value()
        layers = [layer for layer in reversed(self._viewer.layers) if self._wanted(layer)]
        self._layers = ([None] if self._optional else []) + layers
        blocker = QSignalBlocker(self)
        self.clear()
        self.addItems([self._optional if layer is None else layer.name for layer in self._layers])
        there = any(before is layer for layer in self._layers)
        if self._layers:
            self.setCurrentIndex(self._place(before) if there else 0)
        blocker.unblock()
        self._emit_if_changed()

    def _wanted(self, layer: Layer) -> bool:
        if not isinstance(layer, self._kinds) or is_preview(layer):
            return False
        return self._fits is None or self._fits(layer)

    def _place(self, layer: Layer | None) -> int:
        return next(place for place, other in enumerate(self._layers) if other is layer)

    def _emit_if_changed(self) -> None:
        layer = self.value()
        self.setToolTip(f"{self.accessibleName()}: {layer.name}" if layer is not None else "")
        if layer is not self._emitted:
            self._emitted = layer
            self.changed.emit(layer)
