"""Tasks: what napari's closing dialog knows of the running jobs of a viewer."""

from collections.abc import Callable, Sequence
from typing import Any

from napari.utils.task_status import Status

PROVIDER = "napari-unet"


class Tasks:
    """One entry in napari's list of tasks, busy while there is something worth mentioning.

    ``close`` is called when the window closes in spite of it. napari keeps every entry until the
    window is gone, so a single one is changed instead of adding one a job. A viewer without a
    window, or a napari without such a list, is never asked.
    """

    def __init__(self, viewer: Any, close: Callable[[], Any]) -> None:
        self._window: Any = getattr(viewer, "window", None)
        self._close = close
        self._entry: Any = None
        self._shown = ""

    def show(self, titles: Sequence[str]) -> None:
        """Let the dialog name ``titles``; with none it does not ask."""
        text = ", ".join(titles)
        register = getattr(self._window, "_register_task_status", None)
        if text == self._shown or register is None:
            return
        self._shown = text
        status = Status.BUSY if text else Status.COMPLETED
        if self._entry is None:
            self._entry = register(PROVIDER, status, text, self._close)
        else:
            self._window._update_task_status(self._entry, status, text)
