"""A bar in a dock while strokes of a window that crashed can be restored."""

import time

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_unet.widgets.recovery.autosave import Autosave


class RestoreBar(QFrame):
    """A sentence with the buttons Restore and Not now; hidden if there is nothing to restore."""

    def __init__(self, autosave: Autosave) -> None:
        super().__init__()
        self._autosave = autosave
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Open the images again and put the strokes back")
        self.dismiss = QPushButton("Dismiss")
        self.dismiss.setToolTip("Offer them no more; their files are kept for 30 days")
        self.restore.clicked.connect(autosave.restore)
        self.dismiss.clicked.connect(autosave.discard)
        line = QHBoxLayout()
        line.addWidget(self.restore)
        line.addWidget(self.dismiss)
        layout = QVBoxLayout(self)
        layout.addWidget(self.message)
        layout.addLayout(line)
        self.hide()  # until it has a parent: without one it would be a window
        autosave.offers_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show what can be restored now."""
        annotations = [one for offer in self._autosave.offers for one in offer.annotations.values()]
        self.setVisible(bool(annotations))
        if annotations:
            strokes, last = (
                sum(one.strokes for one in annotations),
                max(one.time for one in annotations),
            )
            when = time.strftime("%d %B, %H:%M", time.localtime(last))
            names = ", ".join(f"'{one.facts.get('layer', '?')}'" for one in annotations[:3])
            self.message.setText(
                f"napari ended unexpectedly. {strokes} strokes in {names}, the last of {when}, "
                "were kept."
            )
