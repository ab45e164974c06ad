"""The table of a result's objects with areas and scores; a row leads to its object."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.text import count
from napari_unet.widgets.layers.coordinates import pixels_of
from napari_unet.widgets.layers.layers import look_at, unwrapped
from napari_unet.widgets.segment.region_choice import LayerGeometry
from napari_unet.widgets.segment.result import Result, WrittenLabels
from napari_unet.widgets.segment.runs import Segmentations
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.segment_request import LabelOptions, ResultCache

if TYPE_CHECKING:
    from napari_unet.core.objects.object_table import ObjectTable

Column = tuple[str, np.ndarray, str]  # title, values, format


class TableModel(QAbstractTableModel):
    """A row for each object; can be sorted by any column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: list[Column] = []
        self.order = np.zeros(0, np.int64)
        self.names: tuple[str, ...] = ()

    def show(self, table: "ObjectTable", names: tuple[str, ...]) -> None:
        """Show ``table``, an ObjectTable; ``names`` are those of the classes."""
        self.beginResetModel()
        self.names = names
        axes = table.axes.lower()
        self.columns = [
            ("object", table.label, "d"),
            ("class", table.kind, ""),
            ("area (px)", table.area, "d"),
            *((f"{axis} (px)", table.centroid[:, n], ".1f") for n, axis in enumerate(axes)),
            ("mean score", table.score, ".3f"),
        ]
        self.order = np.arange(len(table))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many objects there are."""
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> str | int | None:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        _, values, form = self.columns[index.column()]
        value = values[self.order[index.row()]]
        if form:
            return format(value.item(), form)
        return self.names[value] if value < len(self.names) else str(value)

    def headerData(  # noqa: N802 - Qt's name
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> str | None:
        """Return the title of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.columns[section][0]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows by a column; rows with equal values keep their order."""
        if not 0 <= column < len(self.columns):
            return
        self.layoutAboutToBeChanged.emit()
        values = self.columns[column][1][self.order]
        rows = np.argsort(values, kind="stable")
        down = order == Qt.SortOrder.DescendingOrder
        self.order = self.order[rows[::-1] if down else rows]
        self.layoutChanged.emit()


class Table(QWidget):
    """The table of the objects in the layer of ``result``, with corrections."""

    def __init__(self, viewer: Viewer, result: Result) -> None:
        super().__init__()
        self.viewer = unwrapped(viewer)
        session = Session.of(viewer)
        self._result = result
        self._written = Segmentations.of(session).written
        self._layer: Labels | None = None
        self._table: Any = None
        self._pixel_size: dict[str, float] = {}
        self.model = TableModel(self)
        self.rows = QTableView()
        self.rows.setModel(self.model)
        self.rows.setSortingEnabled(True)
        self.rows.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.rows.verticalHeader().hide()
        self.title = QLabel()
        self.save = QPushButton("Save CSV…")
        self.save.setToolTip("Save the table, with sizes in µm where the image has a pixel size")
        self._lay_out()
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._measured)
        self._latest.failed.connect(self._failed)
        self.save.clicked.connect(self._save)
        self.rows.selectionModel().currentRowChanged.connect(self._go)
        result.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Measure the objects of the layer again."""
        layer, image = self._result.layer, self._result.image
        written = self._written.get(layer) if layer is not None else None
        if layer is None or image is None or written is None or not written.objects:
            return
        self._layer = layer
        pixels = pixels_of(image)
        self._pixel_size = pixels.pixel_size
        labels = written.place.flat(layer.data).astype(np.int32)
        options = self._result.options
        self._latest.ask(_measure, self._result.cache, labels, written, pixels, options)

    def write(self, path: Path, overwrite: bool = False) -> None:
        """Write the table as CSV."""
        self._table.write(
            path, names=self.model.names, pixel_size=self._pixel_size, overwrite=overwrite
        )

    def _measured(self, table: "ObjectTable") -> None:
        assert self._layer is not None
        self._table = table
        self.model.show(table, tuple(entry.name for entry in self._result.classes))
        self.rows.resizeColumnsToContents()
        self.title.setText(f"{count(len(table), 'object')} in '{self._layer.name}'")
        self.save.setEnabled(True)

    def _failed(self, outcome: Outcome) -> None:
        messages.failed("Measuring the objects", outcome)

    def _go(self, current: QModelIndex, before: QModelIndex) -> None:
        layer = self._layer
        if not current.isValid() or layer is None or layer not in self.viewer.layers:
            return
        row = int(self.model.order[current.row()])
        place: LayerGeometry = self._written[layer].place
        point = [slice(round(at), round(at) + 1) for at in self._table.centroid[row]]
        look_at(self.viewer, layer, [part.start for part in place.region(tuple(point))])
        layer.selected_label = int(self._table.label[row])

    def _save(self) -> None:
        name = f"{self._layer.name if self._layer is not None else 'objects'}.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", name, "CSV (*.csv)")
        if path:
            try:
                self.write(Path(path), overwrite=True)  # the dialog has asked
            except OSError as error:
                messages.problem(str(error))
                return
            messages.info(f"The table is saved in {path}")

    def _lay_out(self) -> None:
        self.save.setEnabled(False)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(head)
        layout.addWidget(self.rows)


def _measure(
    cache: ResultCache,
    labels: np.ndarray,
    written: WrittenLabels,
    pixels: ImagePixels,
    options: LabelOptions,
) -> "ObjectTable":
    """Measure the objects as they are now. Compute thread."""
    from napari_unet.core.objects.object_table import ObjectTable

    if cache.scores.shape != (len(written.classes), *labels.shape):
        raise ValueError("the scores are of another image or network by now: segment it again")
    kinds = written.chosen.kinds(labels, written.kinds, cache.scores)
    dims = 3 if options.joins(cache.dims, labels.ndim) else cache.dims
    return ObjectTable.measure(labels, cache.scores, kinds, pixels.axes, dims)
