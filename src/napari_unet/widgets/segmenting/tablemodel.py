"""TableModel: the objects of a result as rows of a Qt table."""

from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

Column = tuple[str, np.ndarray, str]  # title, values, format


class TableModel(QAbstractTableModel):
    """One row an object; sorted by any column."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.columns: list[Column] = []
        self.order = np.zeros(0, np.int64)
        self.names: tuple[str, ...] = ()

    def show(self, table: Any, names: tuple[str, ...]) -> None:
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
        """Return how much is known of each."""
        return len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
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
    ) -> Any:
        """Return the title of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.columns[section][0]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows by a column; equal ones stay as they were."""
        if not 0 <= column < len(self.columns):
            return
        self.layoutAboutToBeChanged.emit()
        values = self.columns[column][1][self.order]
        found = np.argsort(values, kind="stable")
        down = order == Qt.SortOrder.DescendingOrder
        self.order = self.order[found[::-1] if down else found]
        self.layoutChanged.emit()
