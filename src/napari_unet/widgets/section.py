"""Section: a part of a dock that is closed until somebody wants it."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Section(QWidget):
    """A title with an arrow that opens and closes ``content``; works by keyboard."""

    def __init__(self, title: str, content: QWidget, opened: bool = False) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setToolTip(f"Show or hide: {title}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self.title.toggled.connect(self._toggle)
        self.title.setChecked(opened)
        self._toggle(opened)

    @property
    def opened(self) -> bool:
        """Whether the content is shown."""
        return bool(self.title.isChecked())

    def open(self, opened: bool = True) -> None:
        """Show the content, or hide it."""
        self.title.setChecked(opened)

    def _toggle(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.content.setVisible(opened)
