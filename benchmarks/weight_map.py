"""How long does the paper's weight map take, and does it grow with the number of objects?

Raced against one Euclidean distance transform of the image, about the least a weight map can cost
with scipy, and against one transform an object, which is what the formula says when taken by the
word and what most scripts in use do. Where that would take minutes a few objects are run and the
time is scaled to all of them; the table says for how many.

    python benchmarks/weight_map.py
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_unet.core.arrays import boxes
from napari_unet.core.weights.touching_ridge import open_ridge
from napari_unet.core.weights.weight_map import WeightMap, weight_map
from race import Row, race, record

EDGES = (512, 2048)
COUNTS = (10, 50, 100, 1000, 5000)
TAKEN = {512: 10, 2048: 2}  # objects for which the transform an object is really run
W0, SIGMA = 10.0, 5.0


class Outcome(NamedTuple):
    """What the contenders took for one image, seconds."""

    edge: int
    objects: int
    taken: int
    ours: Row
    one_thread: Row
    one_transform: Row
    per_object: float


def cells(edge: int, count: int, seed: int = 0) -> np.ndarray:
    """Draw ``count`` cells that fill about two thirds of the image; many of them touch."""
    rng = np.random.default_rng(seed)
    grid = int(np.ceil(np.sqrt(count)))
    places = rng.permutation(grid**2)[:count]
    spacing = edge / grid
    corners = np.stack(np.divmod(places, grid))
    seeds = ((corners + rng.uniform(0.2, 0.8, corners.shape)) * spacing).astype(int)
    labels = np.zeros((edge, edge), np.int32)
    labels[tuple(seeds)] = np.arange(1, count + 1)
    away, nearest = distance_transform_edt(labels == 0, return_indices=True)
    return np.where(away < 0.5 * spacing, labels[tuple(nearest)], 0)


def transform_an_object(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Take the formula by the word, for the objects ``ids``; minima are kept as it goes."""
    first, second = np.full((2, *labels.shape), np.inf)
    for i in ids:
        away = distance_transform_edt(labels != i)
        np.minimum(second, np.maximum(first, away), out=second)
        np.minimum(first, away, out=first)
    return W0 * np.exp(-((first + second) ** 2) / (2 * SIGMA**2)) * (labels == 0)


def on_one_thread(work: Callable[[], object]) -> object:
    """Do ``work`` as on a machine with one core."""
    threads, boxes._THREADS = boxes._THREADS, 1
    try:
        return work()
    finally:
        boxes._THREADS = threads


def outcome(edge: int, count: int) -> Outcome:
    """Race the contenders on one image."""
    labels = cells(edge, count)
    opened = open_ridge(labels)
    ids = np.unique(opened)[1:]
    taken = min(TAKEN[edge], len(ids))
    rows = race(
        {
            "ours": lambda: weight_map(labels),
            "ours, one thread": lambda: on_one_thread(lambda: weight_map(labels)),
            "one transform": lambda: distance_transform_edt(labels == 0),
            "per object": lambda: transform_an_object(opened, ids[:taken]),
        }
    )
    per_object = rows[3].median_s * len(ids) / taken
    return Outcome(edge, len(ids), taken, *rows[:3], per_object)


def line(found: Outcome) -> str:
    """One row of the table."""
    ours = found.ours.median_s
    scaled = "" if found.taken == found.objects else f" (scaled from {found.taken})"
    return (
        f"| {found.edge}² | {found.objects} | {ours * 1e3:.1f} | "
        f"{found.one_thread.median_s * 1e3:.1f} | {found.one_transform.median_s * 1e3:.1f} | "
        f"{found.one_transform.median_s / ours:.2f} | {found.per_object * 1e3:,.0f}{scaled} | "
        f"{found.per_object / ours:,.0f} |"
    )


def growth(found: list[Outcome], edge: int) -> str:
    """Tell what 5 000 objects cost against 50."""
    many, few = (
        next(f.ours.median_s for f in found if f.edge == edge and f.objects == n)
        for n in (5000, 50)
    )
    return f"{edge}²: 5 000 objects take {many / few:.2f} × the time of 50."


def error() -> str:
    """Tell how far ours is from the formula."""
    labels = cells(512, 50)
    opened = open_ridge(labels)
    truth = transform_an_object(opened, np.unique(opened)[1:])
    worst = np.abs(WeightMap(labels).separation - truth).max() / W0
    return f"Largest difference from the formula: {worst:.1e} · w0 (512², 50 objects)."


def stacked() -> str:
    """Tell what the snippet costs that people copy: every distance map kept, then all sorted."""
    labels = cells(512, 1000)
    opened = open_ridge(labels)
    ids = np.unique(opened)[1:]

    def snippet() -> np.ndarray:
        away = np.stack([distance_transform_edt(opened != i) for i in ids], axis=-1)
        away.sort(axis=-1)
        nearest = away[..., 0] + away[..., 1]
        return W0 * np.exp(-(nearest**2) / (2 * SIGMA**2)) * (opened == 0)

    rows = race({"ours": lambda: weight_map(labels), "stacked": snippet}, rounds=2)
    return (
        f"512², 1 000 objects: with every distance map kept and then sorted, as in the snippet "
        f"people copy, one transform an object takes {rows[1].median_s:.1f} s (not scaled), "
        f"{rows[1].median_s / rows[0].median_s:,.0f} × ours."
    )


def update() -> str:
    """Tell what following a brush stroke costs."""
    labels = cells(2048, 1000)
    weights = WeightMap(labels)
    box = (slice(1000, 1032), slice(1000, 1032))
    stroke = np.full((32, 32), 7)
    rows = race(
        {
            "update": lambda: weights.update(box, stroke),
            "new": lambda: WeightMap(labels),
        }
    )
    return (
        f"2048², 1 000 objects: a stroke of 32 × 32 px takes {rows[0].median_s * 1e3:.1f} ms to "
        f"follow, {rows[1].median_s / rows[0].median_s:.0f} × less than a new map."
    )


def main() -> None:
    """Race, print and record."""
    found = [outcome(edge, count) for edge in EDGES for count in COUNTS]
    head = (
        "| image | objects | ours ms | ours, one thread ms | one transform of the image ms | "
        "× ours | one transform an object ms | × ours |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    text = "\n".join([head, *map(line, found), "", *(growth(found, e) for e in EDGES)])
    text = f"{text}\n{stacked()}\n{error()}\n{update()}"
    print(text)
    record("weight_map", text)


if __name__ == "__main__":
    main()
