"""How long after a slider has moved does the preview show it?

The dock in a real viewer, a 1024² image with 150 annotated cells; each figure is the time from the
move of a slider to the moment all layers of the view have their new data, and to the end of the
first drawing of the canvas after that.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.preview.dock import PreviewDock
from napari_unet.widgets.shared.session import Session
from race import record

EDGE = 1024  # px
MOVES = 40
AIM_MS = 150.0
SLIDERS = {"deformation": ("sd", 150, 10), "weights": ("sigma", 200, 10), "sample": ("sd", 150, 10)}


@contextmanager
def dock() -> Iterator[PreviewDock]:
    """Open the dock on an annotated image, with the paper's settings."""
    viewer = napari.Viewer(show=True)
    image, labels = draw_cells(np.random.default_rng(0), (EDGE, EDGE), 150)
    viewer.add_labels(
        labels.astype(np.uint8), metadata={NOTES: {"zero": "background", "ids": "objects"}}
    )
    viewer.add_image(image, name="cells")
    Session.of(viewer).settings = TrainSettings.preset("paper")
    made = PreviewDock(viewer)
    viewer.window.add_dock_widget(made, name="Preview")
    yield made
    viewer.close()


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Let Qt work until ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the preview did not come")
        QApplication.processEvents()
        time.sleep(0.001)  # a window waits for events, and lets other threads run meanwhile


def delays(made: PreviewDock, view: str) -> np.ndarray:
    """Return (moves, 2) milliseconds from each move of the slider to its data and its picture."""
    made.views.set_value(view)
    name, first, step = SLIDERS[view]
    page = made.pages["deformation" if view == "sample" else view]
    slider = page.rows.rows[name].slider
    shown: list[float] = []
    drawn: list[float] = []
    until(lambda: not made.latest.busy)
    made.latest.answered.connect(lambda given: shown.append(time.perf_counter()))
    canvas = made.viewer.window._qt_viewer.canvas._scene_canvas
    canvas.events.draw.connect(lambda event: drawn.append(time.perf_counter()), position="last")
    taken = []
    for move in range(MOVES + 3):  # the first ones are a warm-up
        shown.clear()
        start = time.perf_counter()
        slider.setValue(first + step * move)
        until(lambda: bool(shown))
        until(lambda: drawn[-1:] > shown[-1:])
        taken.append([(shown[-1] - start) * 1000, (drawn[-1] - start) * 1000])
        until(lambda: not made.latest.busy)
    return np.array(taken[3:])


def main() -> None:
    lines = [
        f"A {EDGE}² image, 150 cells, tiles of 572 px, {MOVES} moves of a slider, from the move to "
        f"the data of the layers, and to the canvas drawn without a GPU (aim: a median of at most "
        f"{AIM_MS:g} ms):\n",
        "| view | slider | data: median ms | 95th percentile | slowest | "
        "drawn: median ms | 95th percentile | slowest |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    with dock() as made:
        until(lambda: any(layer.metadata.get(NOTES, {}).get("preview") for layer in
                          made.viewer.layers))  # fmt: skip
        for view, (name, _, _) in SLIDERS.items():
            found = delays(made, view)
            numbers = np.concatenate([(np.median(one), np.percentile(one, 95), one.max()) for one in
                                      found.T])  # fmt: skip
            lines.append(f"| {view} | {name} | " + " | ".join(f"{n:.0f}" for n in numbers) + " |")
    text = "\n".join(lines)
    print(text)
    if not os.environ.get("DRY"):
        record("preview", text)


if __name__ == "__main__":
    main()
