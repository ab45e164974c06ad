"""How good is each preset after 1, 3 and 10 CPU minutes on real images it has not seen?

    python benchmarks/accuracy.py --pace                          # first, on a quiet machine
    python benchmarks/accuracy.py --set dsb2018 --preset standard --minutes 10
    python benchmarks/accuracy.py --set dsb2018 --preset paper --at 1 3  # looked at on the way
    python benchmarks/accuracy.py --set dsb2018 --forest          # a random forest, the same pixels
    python benchmarks/accuracy.py --set dsb2018 --floor           # no learning at all
    python benchmarks/accuracy.py --table                         # write docs/benchmarks.md

Every run appends a line to benchmarks/accuracy.jsonl; the table is made of these lines. The images
are those of ../shared/data. A CPU minute is a minute of one quiet core: ``--pace`` measures once
how many steps of each preset fit into it and keeps that in benchmarks/pace.json: the scores do
not depend on what else the machine does while a campaign of hours runs.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.filters import gaussian, threshold_otsu
from skimage.io import imread
from skimage.measure import label

from napari_unet import (
    Annotation,
    TrainSettings,
    UNet,
    evaluation,
    label_objects,
    segment,
    train,
)
from napari_unet.core.presets import PRESETS
from race import record

DATA = Path(__file__).parents[2] / "shared" / "data"
RESULTS = Path(__file__).with_name("accuracy.jsonl")
PACE = Path(__file__).with_name("pace.json")
MEASURED = 20  # steps
Scores = dict[str, float]


@dataclass(frozen=True)
class Picture:
    image: np.ndarray
    labels: np.ndarray  # classes, or instances with 0 as background


@dataclass(frozen=True)
class Task:
    """A set of images: what to learn from, what to score on, and by which measures."""

    train: list[Picture]
    val: list[Picture]
    classes: int
    instances: bool


def isbi2012() -> Task:
    folder = DATA / "isbi2012"
    stack, cells = imread(folder / "train-volume.tif"), imread(folder / "train-labels.tif") > 0
    pictures = [Picture(i, label(c, connectivity=1)) for i, c in zip(stack, cells, strict=True)]
    return Task(pictures[:16], pictures[16:], 2, instances=True)


def _folders(name: str) -> list[list[Picture]]:
    parts = []
    for part in ("train", "val"):
        files = sorted((DATA / name / part / "images").iterdir())
        labels = [DATA / name / part / "labels" / file.name for file in files]
        parts.append([Picture(imread(i), imread(x)) for i, x in zip(files, labels, strict=True)])
    return parts


def load(name: str) -> Task:
    if name == "isbi2012":
        return isbi2012()
    train_part, val_part = _folders(name)
    return Task(train_part, val_part, *((5, False) if name == "vnc" else (2, True)))


def annotations(pictures: Sequence[Picture], instances: bool) -> list[Annotation]:
    ids = "objects" if instances else "classes"
    return [Annotation(p.image, p.labels, zero="background", ids=ids) for p in pictures]


def score(
    task: Task,
    name: str,
    results: Sequence[np.ndarray],
    objects: Sequence[np.ndarray],
    scores: Sequence[np.ndarray] = (),
) -> Scores:
    """Score the val part.

    ``results`` are classes, ``objects`` instances where there are any, ``scores`` those of the
    foreground where the contender has them.
    """
    if not task.instances:
        found = {}
        truth = np.stack([p.labels for p in task.val])
        result = np.stack(results)
        for c in range(task.classes):
            both = ((truth == c) & (result == c)).sum()
            found[f"iou_{c}"] = both / max(((truth == c) | (result == c)).sum(), 1)
        return {"mean_iou": float(np.mean(list(found.values()))), **found}
    truths = [p.labels > 0 for p in task.val]
    pairs = list(zip(truths, results, strict=True))
    if name == "isbi2012":
        return _membranes(task, results, scores)
    both = sum(int((t & (r > 0)).sum()) for t, r in pairs)
    either = sum(int((t | (r > 0)).sum()) for t, r in pairs)
    ap = [
        evaluation.average_precision(p.labels, o, iou=0.5)
        for p, o in zip(task.val, objects, strict=True)
    ]
    return {"iou": both / either, "ap50": float(np.mean(ap))}


def _membranes(task: Task, results: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Scores:
    """Pixel error as the classes come out, and at the best of 10 thresholds, as the challenge."""
    truth = np.stack([p.labels > 0 for p in task.val])
    plain = np.mean(truth != (np.stack(results) > 0))
    levels = np.linspace(0.05, 0.95, 10)
    cells = np.stack(scores) if scores else np.stack(results).astype(float)
    rand = [
        evaluation.v_rand(p.labels, label(r > 0, connectivity=1))
        for p, r in zip(task.val, results, strict=True)
    ]
    return {
        "pixel_error": float(plain),
        "pixel_error_best_threshold": float(min(np.mean(truth != (cells > t)) for t in levels)),
        "v_rand": float(np.mean(rand)),
    }


def _network(task: Task, settings: TrainSettings) -> UNet:
    torch.manual_seed(settings.seed)
    return UNet(
        channels=1, classes=task.classes, base=settings.base, depth=settings.depth,
        dropout=settings.dropout, norm=settings.norm, skips=settings.skips,
    )  # fmt: skip


def pace() -> dict[str, float]:
    """Measure how many steps of each preset one core makes in a minute."""
    task = load("dsb2018")
    learnt = annotations(task.train[:8], task.instances)
    found = {}
    for name in PRESETS:
        settings = TrainSettings.preset(name, steps=40)
        running = train(_network(task, settings), learnt, settings)
        for step in running:
            if step.number == 4:  # drawing, compiling and first allocations are behind it
                begun = time.process_time()
            if step.number == 4 + MEASURED:
                break
        running.close()
        found[name] = round(60 * MEASURED / (time.process_time() - begun), 1)
    return found


def train_and_score(
    task: Task, name: str, settings: TrainSettings, averages: Sequence[str], moments: Sequence[int]
) -> Iterator[tuple[int, str, Scores]]:
    """Train once; yield step, averaging and scores at ``moments`` (steps) and at the end."""
    network = _network(task, settings)
    last = 0
    for step in train(network, annotations(task.train, task.instances), settings):
        if step.number in moments and step.number > last:
            last = step.number
            shown = copy.deepcopy(network).eval()
            for average in averages:
                yield last, average, _scored(task, name, shown, average)
    for average in averages:
        yield settings.steps, average, _scored(task, name, network, average)


def _scored(task: Task, name: str, network: UNet, average: str) -> Scores:
    plain = [segment(p.image, network, scores=True, average=average) for p in task.val]
    objects = [label_objects(f.scores) for f in plain] if task.instances else []
    return score(task, name, [f.labels for f in plain], objects, [f.scores[1] for f in plain])


def forest(task: Task, name: str) -> Scores:
    """A random forest on multiscale features of the same training pixels, at most 300 000."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def features(image: np.ndarray) -> np.ndarray:
        plain = (image - np.percentile(image, 1)) / max(np.ptp(np.percentile(image, [1, 99.8])), 1)
        return multiscale_basic_features(plain.astype(np.float32), sigma_max=16)

    begun = time.process_time()
    rng = np.random.default_rng(0)
    share = 300_000 / sum(p.image.size for p in task.train)
    xs, ys = [], []
    for p in task.train:
        chosen = rng.random(p.image.shape) < share
        xs.append(features(p.image)[chosen])
        ys.append((p.labels > 0 if task.instances else p.labels)[chosen])
    trees = RandomForestClassifier(100, min_samples_leaf=5, n_jobs=2, random_state=0)
    trees.fit(np.concatenate(xs), np.concatenate(ys))
    results = [
        trees.predict(features(p.image).reshape(p.image.size, -1)).reshape(p.image.shape)
        for p in task.val
    ]
    found = score(task, name, results, [label(r, connectivity=1) for r in results])
    return {**found, "cpu_minutes": round((time.process_time() - begun) / 60, 2)}


def floor(task: Task, name: str) -> Scores:
    """No learning: the commonest class for classes, a global threshold for objects."""
    if not task.instances:
        common = np.bincount(np.concatenate([p.labels.ravel() for p in task.train])).argmax()
        return score(task, name, [np.full(p.labels.shape, common) for p in task.val], [])
    results = []
    for p in task.val:
        smooth = gaussian(p.image, 1)
        results.append((smooth > threshold_otsu(smooth)).astype(np.uint8))
    return score(task, name, results, [label(r, connectivity=1) for r in results])


def table() -> str:
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    text = [
        "| set | contender | CPU minutes | steps | scores on the val part |",
        "|---|---|---:|---:|---|",
    ]
    for r in sorted(rows, key=lambda r: (r["set"], r["contender"], r.get("minutes", 0))):
        scores = {k: v for k, v in r["scores"].items() if k not in ("steps", "cpu_minutes")}
        shown = ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
        used = r["scores"].get("cpu_minutes", r["minutes"])
        text.append(
            f"| {r['set']} | {r['contender']} | {used} | {r['scores'].get('steps', '')} | {shown} |"
        )
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=("isbi2012", "dsb2018", "usiigaci", "vnc"))
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU minutes")
    parser.add_argument("--at", nargs="*", type=float, default=[], help="CPU minutes on the way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--average", nargs="+", default=["none"], help="as segment takes it")
    parser.add_argument("--change", nargs="*", default=[], metavar="FIELD=VALUE")
    for flag in ("no-skips", "no-elastic", "no-separation", "forest", "floor", "table", "pace"):
        parser.add_argument(f"--{flag}", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        record("accuracy", table())
        return
    torch.set_num_threads(1)  # threads that wait for each other would be counted as CPU time
    if arguments.pace:
        PACE.write_text(json.dumps(pace(), indent=1) + "\n")
        return
    for contender, minutes, scores in run(arguments):
        row = {"set": arguments.set, "contender": contender, "minutes": minutes, "scores": scores}
        print(json.dumps(row))
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def run(arguments: argparse.Namespace) -> Iterator[tuple[str, float, Scores]]:
    """Yield the name of each contender, after how many minutes it is looked at, and its scores."""
    task = load(arguments.set)
    plain: dict[str, Callable[[Task, str], Scores]] = {"forest": forest, "floor": floor}
    for name, contend in plain.items():
        if getattr(arguments, name):
            called = {"forest": "random forest", "floor": "no learning"}[name]
            yield called, arguments.minutes, contend(task, arguments.set)
            return
    changes: dict[str, Any] = {
        k: json.loads(v) for k, v in (c.split("=") for c in arguments.change)
    }
    ablations = {
        "no_skips": ("skips", False),
        "no_elastic": ("sd", 0.0),
        "no_separation": ("w0", 0.0),
    }
    names = [arguments.preset]
    for flag, (field, value) in ablations.items():
        if getattr(arguments, flag):
            changes[field] = value
            names.append(flag.replace("no_", "without "))
    names += arguments.change
    pace = json.loads(PACE.read_text())[arguments.preset]
    changes.setdefault("steps", max(round(arguments.minutes * pace), 1))
    moments = {round(minutes * pace): minutes for minutes in arguments.at}
    settings = TrainSettings.preset(arguments.preset, seed=arguments.seed, **changes)
    names += [f"seed {arguments.seed}"] * (arguments.seed > 0)
    found = train_and_score(task, arguments.set, settings, arguments.average, list(moments))
    for steps, average, scores in found:
        called = names + [f"average {average}"] * (average != "none")
        called += ["on the way"] * (steps < settings.steps)
        minutes = moments.get(steps, arguments.minutes)
        yield ", ".join(called), minutes, {**scores, "steps": steps}


if __name__ == "__main__":
    main()
