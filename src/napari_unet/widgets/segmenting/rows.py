"""Rows: the labelled lines of the dock, all with their labels in one column."""

from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget

LABEL_WIDTH = 80  # px


def form(page: QWidget) -> QFormLayout:
    """Give ``page`` rows without margins."""
    rows = QFormLayout(page)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(4)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def add_row(rows: QFormLayout, title: str, field: QWidget, buddy: QWidget | None = None) -> None:
    """Add ``field`` with its title; ``buddy`` takes the focus and explains the title."""
    label = QLabel(title)
    label.setMinimumWidth(LABEL_WIDTH)
    label.setBuddy(buddy or field)
    label.setToolTip((buddy or field).toolTip())
    rows.addRow(label, field)


def beside(*widgets: QWidget, spacing: int = 4) -> QWidget:
    """Return ``widgets`` side by side, the first as wide as it can be."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for place, widget in enumerate(widgets):
        layout.addWidget(widget, 0 if place else 1)
    return row
