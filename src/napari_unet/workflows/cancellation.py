"""Stopping: a segmentation ends within a second, also inside a large tile or a slow disk.

The wish to stop is looked at wherever the image is read and before every layer of the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_unet.workflows.scheduler import ScheduledJob


class Cancelled(Exception):  # noqa: N818 - it is no error, but the way out
    """Somebody wants the job to end."""


class CancelFlag:
    """Tells whether a job is to end; it learns which job when that has been started."""

    def __init__(self) -> None:
        self.work: ScheduledJob | None = None

    def check(self, *unused: Any) -> None:
        """Leave, by way of ``Cancelled``, if the job is to end."""
        if self.work is not None and self.work.stopping:
            raise Cancelled


class CancellableArray:
    """Image data that looks at the wish whenever it is read."""

    def __init__(self, data: Any, wish: CancelFlag) -> None:
        self._data = data
        self._wish = wish
        self.shape = data.shape
        self.dtype = data.dtype

    def __getitem__(self, key: Any) -> Any:
        self._wish.check()
        return self._data[key]


@contextmanager
def watching(network: Any, wish: CancelFlag) -> Iterator[None]:
    """Let every layer of ``network`` look at the wish before it computes."""
    handles = [layer.register_forward_pre_hook(wish.check) for layer in network.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
