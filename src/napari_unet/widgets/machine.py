"""Machine: what holds for this computer rather than for one training; Preferences keeps it.

Learning rates and other small numbers must stay out of that page: it rounds every number of a page
to two decimals whenever one of them is edited.
"""

from collections.abc import Callable
from dataclasses import dataclass

from napari.settings import get_plugin_settings

PLUGIN = "napari-unet"


@dataclass(frozen=True)
class Machine:
    """The choices of Preferences ▸ napari-unet; the manifest holds the same defaults."""

    device: str = "auto"
    threads: int = 0  # of torch; 0: all cores but one
    memory: float = 0.0  # GB a segmentation may take; 0: half of what is free

    @property
    def memory_bytes(self) -> int | None:
        """The memory as ``core`` takes it."""
        return round(self.memory * 1e9) or None


def machine() -> Machine:
    """Return what is chosen; GUI thread. The defaults where napari does not know the plugin."""
    try:
        page = get_plugin_settings(PLUGIN).machine
    except KeyError:  # the plugin is disabled, or its window is built without it
        return Machine()
    return Machine(page.device, page.threads, page.memory)


def on_change(call: Callable[[], None]) -> None:
    """Call ``call`` whenever a choice is changed: Preferences tells only of the whole page."""
    try:
        page = get_plugin_settings(PLUGIN).machine
    except KeyError:
        return
    page.events.connect(lambda event: call())
