"""Does the window stay at hand while networks train, segment and learn?

    xvfb-run -a -s "-screen 0 1366x768x24" .venv/bin/python benchmarks/responsiveness.py

A timer of 10 ms beats in the GUI thread of a real window; what a beat comes late is a stall.
Strokes are mouse events of napari's own brush, 30 a second, each drawn before the next. The same
painting with nothing else to do is the floor that the other rows are to be read against, and
napari's own first label layer that of the opening docks: Annotate makes one. A stall
of more than 250 ms is told with what the GUI thread was doing.
"""

import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

from hand import Hand, events
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.layers import NOTES
from race import record

BEAT = 10  # ms
FRAME = 1 / 30  # seconds between two moves of the brush
SHARES = np.linspace(0, 1, 12)  # of a stroke, at each of its moves
SECONDS = 12.0  # of each scenario
AIMS = {"p99": 50.0, "max": 250.0, "paint": 33.0}  # ms
DOCKS = ("Annotate", "Preview", "Train", "Segment", "Evaluate")


@dataclass
class Seen:
    """What was measured in one scenario, in milliseconds."""

    name: str
    stalls: list[float] = field(default_factory=list)
    paints: list[float] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)
    note: str = ""

    def row(self) -> str:
        """Return a line of the table."""
        if not self.stalls:
            return f"| {self.name} | {self.note} | | | | | |"
        stalls = np.percentile(self.stalls, (50, 99))
        paints = (
            "| "
            if not self.paints
            else f"{np.percentile(self.paints, 50):.0f} | "
            + (f"{np.percentile(self.paints, 95):.0f}")
        )
        return (
            f"| {self.name} | {len(self.stalls)} | {stalls[0]:.1f} | {stalls[1]:.1f} | "
            f"{max(self.stalls):.0f} | {paints} |"
        )


class Sampler(threading.Thread):
    """Looks at the GUI thread when its beat is long overdue, to say what it waits for."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(daemon=True)
        self.seen, self.last, self.stop = seen, time.perf_counter(), False
        self._gui = threading.main_thread().ident

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.stop:
            time.sleep(0.02)
            if time.perf_counter() - self.last > AIMS["max"] / 1000:
                frame = sys._current_frames().get(self._gui or 0)
                calls = traceback.extract_stack(frame)[-40:]
                ours = [c for c in calls if "napari_unet" in c.filename] or calls[-3:]
                self.seen.causes[" < ".join(f"{c.name}:{c.lineno}" for c in ours[:-4:-1])] += 1


@contextmanager
def heartbeat(seen: Seen) -> Iterator[None]:
    """Note how late each beat of the GUI thread comes."""
    timer, sampler = QTimer(), Sampler(seen)
    timer.setTimerType(timer.timerType().PreciseTimer)

    def beat() -> None:
        now = time.perf_counter()
        seen.stalls.append(max(0.0, (now - sampler.last) * 1000 - BEAT))
        sampler.last = now

    timer.timeout.connect(beat)
    sampler.last = time.perf_counter()
    timer.start(BEAT)
    sampler.start()
    yield
    timer.stop()
    sampler.stop = True


def run_loop(seconds: float) -> None:
    """Let Qt work as in a program, asleep between events."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def paint(hand: Hand, layer: Any, seen: Seen, going: Callable[[], bool]) -> None:
    """Draw lines to and fro while ``going``; note what each event and its picture took."""
    rng, end = np.random.default_rng(0), time.perf_counter() + SECONDS
    while time.perf_counter() < end and going():
        start = rng.uniform(80, min(layer.data.shape) - 80, 2)
        layer.selected_label = 1 + int(rng.integers(2))
        way = rng.uniform(-60, 60, 2)
        for event in events(layer, [tuple(start + way * share) for share in SHARES]):
            begin = time.perf_counter()
            event()
            hand.canvas.repaint()
            seen.paints.append((time.perf_counter() - begin) * 1000)
            run_loop(max(0.001, FRAME - (time.perf_counter() - begin)))


def workplace(edge: int) -> tuple[Hand, Any, Any]:
    """Open a window with an image of cells and their annotation; the first brush is slow."""
    viewer = napari.Viewer(show=False)
    hand = Hand(viewer)
    image, labels = draw_cells(np.random.default_rng(0), (edge, edge), edge**2 // 7000)
    notes = {NOTES: {"zero": "background", "ids": "objects"}}
    viewer.add_labels(labels.astype(np.uint16), name="cells truth", visible=False, metadata=notes)
    viewer.add_image(image, name="cells")
    viewer.fit_to_view()
    run_loop(1.0)
    return hand, viewer.layers["cells"], viewer.layers["cells truth"]


def alone() -> list[Seen]:
    """Show napari's own first label layer: no dock of ours is open, none of ours was."""
    viewer = napari.Viewer(show=False)
    Hand(viewer)
    viewer.add_image(np.random.default_rng(0).integers(0, 255, (1024, 1024), dtype=np.uint8))
    viewer.fit_to_view()
    run_loop(1.0)
    seen = Seen("napari alone, its first label layer")
    with heartbeat(seen):
        QTimer.singleShot(50, lambda: viewer.add_labels(np.zeros((1024, 1024), np.uint8)))
        run_loop(3.0)
    viewer.close()
    return [seen]


def opening() -> list[Seen]:
    """Open each dock in a window that has never seen torch."""
    hand, _, _ = workplace(1024)
    found = []
    for name in DOCKS:
        seen = Seen(f"opening {name}")
        with heartbeat(seen):
            QTimer.singleShot(50, lambda name=name: hand.viewer.window.add_plugin_dock_widget(
                "napari-unet", name))  # fmt: skip
            run_loop(6.0 if name == DOCKS[0] else 3.0)
        found.append(seen)
    teaching(hand, False)
    hand.viewer.close()
    return found


def idle(edge: int = 1024) -> list[Seen]:
    """Paint with nothing else to do, and wait."""
    hand, _, _ = workplace(edge)
    layer = hand.opened("Annotate").labels
    teaching(hand, False)
    seen, painted = Seen("nothing"), Seen("painting, nothing else")
    run_loop(8.0)  # torch is imported meanwhile
    with heartbeat(seen):
        run_loop(SECONDS / 2)
    with heartbeat(painted):
        paint(hand, layer, painted, lambda: True)
    hand.viewer.close()
    return [seen, painted]


def training(edge: int = 1024) -> list[Seen]:
    """Train the small preset, at first in peace and then while somebody paints."""
    hand, image, truth = workplace(edge)
    dock = hand.opened("Train")
    dock.session.pairs.pair(image, truth)
    dock.session.settings = TrainSettings.preset("small", minutes=5.0)
    hand.wait(8.0)
    dock.controls.train.click()
    hand.until(lambda: dock.trainings.running and dock.trainings.running[0].last is not None)
    seen, painted = Seen("training (small, 1024²)"), Seen("training and painting")
    with heartbeat(seen):
        run_loop(SECONDS)
    layer = hand.viewer.add_labels(np.zeros((edge, edge), np.uint8), name="drawing")
    layer.mode = "paint"
    with heartbeat(painted):
        paint(hand, layer, painted, lambda: bool(dock.trainings.running))
    dock.controls.stop.click()
    hand.until(lambda: not dock.trainings.running)
    hand.viewer.close()
    return [seen, painted]


def segmenting(edge: int = 2048) -> list[Seen]:
    """Segment a large image with a network of the preset small."""
    from napari_unet.core.network.unet import UNet
    from napari_unet.widgets.networks import KeptNetwork

    hand, _, _ = workplace(edge)
    settings = TrainSettings.preset("small")
    network = UNet(base=settings.base, depth=settings.depth, norm=settings.norm, dropout=0.0)
    dock = hand.opened("Segment")
    dock.session.networks.add(KeptNetwork("small", network.eval()))
    hand.wait(8.0)
    seen = Seen(f"segmenting (small, {edge}²)")
    with heartbeat(seen):
        dock.runs.start.click()
        end = time.monotonic() + 2 * SECONDS
        while dock.segmentations.run is not None and time.monotonic() < end:
            run_loop(0.25)
        run_loop(1.0)
    dock.segmentations.cancel()
    hand.until(lambda: dock.segmentations.run is None)
    hand.viewer.close()
    return [seen]


def learning(edge: int = 1024) -> list[Seen]:
    """Paint while a network learns from the strokes."""
    hand, _, _ = workplace(edge)
    dock = hand.opened("Annotate")
    teaching(hand, True)
    hand.wait(8.0)
    seen = Seen("live teaching and painting")
    with heartbeat(seen):
        paint(hand, dock.labels, seen, lambda: True)
    teaching(hand, False)
    hand.viewer.close()
    return [seen]


def teaching(hand: Hand, on: bool) -> None:
    """Switch live teaching."""
    switch = hand.opened("Annotate").live.switch
    if switch.text().startswith("●") != on:
        switch.click()


def main() -> None:
    scenarios = (alone, opening, idle, training, segmenting, learning)
    wanted = sys.argv[1:] or [scenario.__name__ for scenario in scenarios]
    found = [seen for one in scenarios if one.__name__ in wanted for seen in one()]
    lines = [
        f"A beat of {BEAT} ms in the GUI thread; a stall is how late it comes (aims: p99 ≤ "
        f"{AIMS['p99']:g} ms, none > {AIMS['max']:g} ms). A painting event with its picture (aim: "
        f"95th percentile ≤ {AIMS['paint']:g} ms). Milliseconds:\n",
        "| meanwhile | beats | stall p50 | p99 | longest | painting p50 | p95 |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(seen.row() for seen in found),
    ]
    for seen in found:
        for cause, count in seen.causes.most_common(4):
            print(f"{seen.name}: {count} samples of 20 ms in {cause}")
    print("\n".join(lines))
    if not os.environ.get("DRY") and not sys.argv[1:]:
        record("responsiveness", "\n".join(lines))


if __name__ == "__main__":
    main()
