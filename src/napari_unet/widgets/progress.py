"""Progress: a bar that moves when the window is drawn next, not at once.

Qt draws the whole window inside ``QProgressBar.setValue``, the canvas with a new label layer
included: whoever reports progress would wait for it.
"""

from qtpy.QtWidgets import QProgressBar


def show_progress(bar: QProgressBar, value: int) -> None:
    """Let ``bar`` stand at ``value``."""
    bar.setUpdatesEnabled(False)
    bar.setValue(value)
    bar.setUpdatesEnabled(True)
