"""Device, threads and memory of this computer, kept in napari's preferences.

napari rounds every number of that page to two decimals whenever one is edited, so learning rates
and other small numbers must not be there.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

from napari.settings import get_plugin_settings

from napari_unet.workflows.scheduler import ComputePreferences

PLUGIN = "napari-unet"

_reading = Lock()  # two threads that read the page at once would each make one of their own


def machine() -> ComputePreferences:
    """Return the preferences; the defaults if napari does not know the plugin.

    The first call takes a third of a second: napari reads the manifests of all plugins for it.
    """
    page = _page()
    return (
        ComputePreferences()
        if page is None
        else ComputePreferences(page.device, page.threads, page.memory)
    )


def on_change(call: Callable[[], None]) -> None:
    """Call ``call`` whenever a preference changes."""
    page = _page()
    if page is not None:
        page.events.connect(lambda event: call())


def _page() -> Any:
    """Return napari's page of settings for the plugin, None if there is none."""
    with _reading:
        try:
            return get_plugin_settings(PLUGIN).machine
        except KeyError:  # the plugin is disabled, or its window is built without it
            return None
