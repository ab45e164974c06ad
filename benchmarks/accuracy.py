"""How good is each preset after 1, 3 and 10 CPU minutes on real images it has not seen?

    python benchmarks/accuracy.py --pace                          # first, on a quiet machine
    python benchmarks/accuracy.py --set dsb2018 --preset standard --minutes 10
    python benchmarks/accuracy.py --set dsb2018 --preset paper --at 1 3  # looked at on the way
    python benchmarks/accuracy.py --set dsb2018 --forest  # the same pixels; --floor: no learning
    python benchmarks/accuracy.py --set dsb2018 --forest --fold 0 --holes 100  # held-out training
    python benchmarks/accuracy.py --table                         # write docs/benchmarks.md

Every run appends a line to benchmarks/accuracy.jsonl; the table is made of these lines. The images
are those of ../shared/data. A CPU minute is a minute of one quiet core: ``--pace`` measures once
how many steps of each preset fit into it and keeps that in benchmarks/pace.json: the scores do
not depend on what else the machine does while a campaign of hours runs.
"""

import argparse
import copy
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.measure import label

from contenders import PLAIN
from napari_unet import TrainSettings, UNet, evaluation, label_objects, segment, train
from napari_unet.core.training.settings import PRESETS
from race import record
from tasks import FOLDS, SETS, Task, annotations, held_out, load

RESULTS = Path(__file__).with_name("accuracy.jsonl")
PACE = Path(__file__).with_name("pace.json")
MEASURED = 20  # steps
Scores = dict[str, float]


def score(task: Task, found: Sequence[Any], holes: int = 0) -> Scores:
    """Score the ``labels`` and ``scores`` of the val part.

    Objects are made of the scores of all contenders alike, holes up to ``holes`` px filled.
    """
    if not task.instances:
        return _classes(task, found)
    if task.name == "isbi2012":
        return _membranes(task, found)
    objects = [label_objects(f.scores, holes=holes) for f in found]
    ap = [
        evaluation.average_precision(p.labels, o, iou=0.5)
        for p, o in zip(task.val, objects, strict=True)
    ]
    return {
        "iou": _foreground(task, [f.labels for f in found]),
        "ap50": float(np.mean(ap)),
        "iou_objects": _foreground(task, objects),
    }


def _foreground(task: Task, results: Sequence[np.ndarray]) -> float:
    pairs = [(p.labels > 0, r > 0) for p, r in zip(task.val, results, strict=True)]
    return sum(int((t & r).sum()) for t, r in pairs) / sum(int((t | r).sum()) for t, r in pairs)


def _classes(task: Task, found: Sequence[Any]) -> Scores:
    truth = np.stack([p.labels for p in task.val])
    result = np.stack([f.labels for f in found])
    ious = {}
    for c in range(task.classes):
        both = ((truth == c) & (result == c)).sum()
        ious[f"iou_{c}"] = both / max(((truth == c) | (result == c)).sum(), 1)
    return {"mean_iou": float(np.mean(list(ious.values()))), **ious}


def _membranes(task: Task, found: Sequence[Any]) -> Scores:
    """Pixel error as the classes come out, and at the best of 10 thresholds, as the challenge."""
    truth = np.stack([p.labels > 0 for p in task.val])
    plain = np.mean(truth != np.stack([f.labels > 0 for f in found]))
    levels = np.linspace(0.05, 0.95, 10)
    cells = np.stack([f.scores[1] for f in found])
    rand = [
        evaluation.v_rand(p.labels, label(f.labels > 0, connectivity=1))
        for p, f in zip(task.val, found, strict=True)
    ]
    return {
        "pixel_error": float(plain),
        "pixel_error_best_threshold": float(min(np.mean(truth != (cells > t)) for t in levels)),
        "v_rand": float(np.mean(rand)),
    }


def _network(task: Task, settings: TrainSettings) -> UNet:
    torch.manual_seed(settings.seed)
    return UNet.of(settings, classes=task.classes)


def pace() -> dict[str, float]:
    """Measure how many steps of each preset one core makes in a minute."""
    task = load("dsb2018")
    learned = annotations(replace(task, train=task.train[:8]))
    found = {}
    for name in PRESETS:
        settings = TrainSettings.preset(name, steps=40)
        running = train(_network(task, settings), learned, settings)
        for step in running:
            if step.number == 4:  # drawing, compiling and first allocations are behind it
                begun = time.process_time()
            if step.number == 4 + MEASURED:
                break
        running.close()
        found[name] = round(60 * MEASURED / (time.process_time() - begun), 1)
    return found


def train_and_score(
    task: Task, settings: TrainSettings, averages: Sequence[str], moments: Sequence[int], holes: int
) -> Iterator[tuple[int, str, Scores]]:
    """Train once; yield step, averaging and scores at ``moments`` (steps) and at the end."""
    network = _network(task, settings)
    last = 0
    for step in train(network, annotations(task), settings):
        if step.number in moments and step.number > last:
            last = step.number
            shown = copy.deepcopy(network).eval()
            for average in averages:
                yield last, average, score(task, _segmented(task, shown, average), holes)
    for average in averages:
        yield settings.steps, average, score(task, _segmented(task, network, average), holes)


def _segmented(task: Task, network: UNet, average: str) -> list[Any]:
    return [segment(p.image, network, scores=True, average=average) for p in task.val]


def table() -> str:
    rows = _averaged([json.loads(line) for line in RESULTS.read_text().splitlines()])
    text = [
        "| set | contender | CPU minutes | steps | scores on the val part, or the fold |",
        "|---|---|---:|---:|---|",
    ]
    for r in sorted(rows, key=lambda r: (r["set"], r["contender"], r.get("minutes", 0))):
        scores = {k: v for k, v in r["scores"].items() if k not in ("steps", "cpu_minutes")}
        shown = ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
        used = round(r["scores"].get("cpu_minutes", r["minutes"]), 2)
        steps = f"{r['scores']['steps']:.0f}" if "steps" in r["scores"] else ""
        text.append(f"| {r['set']} | {r['contender']} | {used} | {steps} | {shown} |")
    return "\n".join(text)


def _averaged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``rows`` with one in place of the five of a contender that was tried on every fold."""
    groups: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for row in rows:
        name = re.sub(r"fold \d", f"mean of {FOLDS} folds", row["contender"])
        groups.setdefault((row["set"], name, row["minutes"]), []).append(row)
    found = []
    for (_, name, _), group in groups.items():
        if len({row["contender"] for row in group}) == len(group) == FOLDS:
            means = {k: np.mean([r["scores"][k] for r in group]) for k in group[0]["scores"]}
            group = [{**group[0], "contender": name, "scores": means}]
        found += group
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU minutes")
    parser.add_argument("--at", nargs="*", type=float, default=[], help="CPU minutes on the way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fold", type=int, choices=range(FOLDS), help="score this fifth of train")
    parser.add_argument("--holes", type=int, default=0, help="px filled in objects")
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
    for called, minutes, scores in run(arguments):
        contender = ", ".join([*called, *_circumstances(arguments)])
        row = {"set": arguments.set, "contender": contender, "minutes": minutes, "scores": scores}
        print(json.dumps(row))
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def run(arguments: argparse.Namespace) -> Iterator[tuple[list[str], float, Scores]]:
    """Yield the name of each contender, after how many minutes it is looked at, and its scores."""
    task = load(arguments.set)
    if arguments.fold is not None:
        task = held_out(task, arguments.fold)
    for name, called, contend in PLAIN:
        if getattr(arguments, name):
            begun = time.process_time()
            found = contend(task)
            used = round((time.process_time() - begun) / 60, 2)
            scores = {**score(task, found, arguments.holes), "cpu_minutes": used}
            yield [called], arguments.minutes, scores
            return
    pace = json.loads(PACE.read_text())[arguments.preset]
    settings, names = _settings(arguments, pace)
    moments = {round(minutes * pace): minutes for minutes in arguments.at}
    found = train_and_score(task, settings, arguments.average, list(moments), arguments.holes)
    for steps, average, scores in found:
        called = names + [f"average {average}"] * (average != "none")
        called += ["on the way"] * (steps < settings.steps)
        minutes = moments.get(steps, arguments.minutes)
        yield called, minutes, {**scores, "steps": steps}


def _circumstances(arguments: argparse.Namespace) -> list[str]:
    """Return what holds for all contenders of this run, in words for the table."""
    fold = [] if arguments.fold is None else [f"fold {arguments.fold}"]
    return fold + ([f"holes {arguments.holes}"] if arguments.holes else [])


def _settings(arguments: argparse.Namespace, pace: float) -> tuple[TrainSettings, list[str]]:
    """Return the settings asked for, and what they are called in the table."""
    changes: dict[str, Any] = dict(c.split("=") for c in arguments.change)
    changes = {k: json.loads(v) for k, v in changes.items()}
    names = [arguments.preset]
    for flag, field, value in ABLATIONS:
        if getattr(arguments, flag):
            changes[field] = value
            names.append(flag.replace("no_", "without "))
    names += [c.replace('"', "") for c in arguments.change]
    names += [f"seed {arguments.seed}"] * (arguments.seed > 0)
    changes.setdefault("steps", max(round(arguments.minutes * pace), 1))
    return TrainSettings.preset(arguments.preset, seed=arguments.seed, **changes), names


ABLATIONS = (("no_skips", "skips", False), ("no_elastic", "sd", 0.0), ("no_separation", "w0", 0.0))


if __name__ == "__main__":
    main()
