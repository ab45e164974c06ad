"""CheckBar: the question of the blind check and its two answers, while it is on."""

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.teaching.blindcheck import BlindCheck


class CheckBar(QWidget):
    """[Right O] [Wrong, I draw D] [End] under the question; after a correction [Next window O]."""

    def __init__(self) -> None:
        super().__init__()
        self.question = QLabel()
        self.right = QPushButton("Right  O")
        self.wrong = QPushButton("Let me draw  D")
        self.end = QPushButton("End")
        self._check: BlindCheck | None = None
        self.question.setWordWrap(True)
        self.wrong.setToolTip("Count the window as wrong, then correct it with the brush (D)")
        self.end.setToolTip("Look at no more windows; those judged stay counted")
        row = QHBoxLayout()
        for button in (self.right, self.wrong, self.end):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.addWidget(self.question)
        layout.addLayout(row)
        self.right.clicked.connect(self._right)
        self.wrong.clicked.connect(self._wrong)
        self.end.clicked.connect(self._end)
        self.hide()

    def set_check(self, check: BlindCheck | None) -> None:
        """Show this check from now on."""
        if self._check is not None:
            self._check.changed.disconnect(self.refresh)
        self._check = check
        if check is not None:
            check.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is asked."""
        check = self._check
        self.setVisible(check is not None and check.open)
        if check is None:
            return
        self.question.setText(check.said)
        self.right.setText("Next window  O" if check.drawing else "Right  O")
        self.right.setToolTip(
            "Go to the next window (O)"
            if check.drawing
            else "All in the frame is right: count it and go to the next window (O)"
        )
        self.wrong.setVisible(not check.drawing)

    def _right(self) -> None:
        if self._check is not None:
            self._check.right()

    def _wrong(self) -> None:
        if self._check is not None:
            self._check.wrong()

    def _end(self) -> None:
        if self._check is not None:
            self._check.stop()
