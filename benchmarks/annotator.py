"""How good is the preview after a minute of painting, and what would a random forest have shown?

    python benchmarks/annotator.py --image "dsb2018 57d8"    # one picture, 120 s of a person
    python benchmarks/annotator.py                           # all eight, one after the other
    python benchmarks/annotator.py --learner forest          # mending the forest's own errors
    python benchmarks/annotator.py --table                   # write docs/benchmarks.md, the curves

A simulated person with a mouse teaches the Teacher; its learning, measured in processor seconds of
one thread, has to fit into the time the person takes. A random forest and a mere threshold then get
the same strokes at the same moments. Every run appends lines to benchmarks/annotator.jsonl; what is
there already for a picture, learner and seed is replaced in the table by the newest.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from annotating import curves, looking, pictures
from annotating.forest import Forest
from annotating.learners import Learner, Threshold
from annotating.pictures import Picture
from annotating.session import Session, Simulation, replay
from annotating.teacher import TaughtNetwork
from napari_unet.samples import synthetic_cells
from race import record

RESULTS = Path(__file__).with_name("annotator.jsonl")
CHART = Path(__file__).parents[1] / "docs" / "pictures" / "annotator.png"
MOMENTS = [5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0]  # at which the others are looked at
LEARNERS: dict[str, Callable[[Picture, int], Learner]] = {
    "teacher": TaughtNetwork,
    "forest": Forest,
    "floor": Threshold,
}


def run(
    picture: Picture, name: str, seed: int, seconds: float, folder: Path | None = None
) -> list[dict[str, Any]]:
    """Let a person teach a learner; the others get the strokes made for the Teacher."""
    simulation = Simulation(picture, LEARNERS[name](picture, seed), seed)
    session = simulation.run(seconds)
    if folder is not None and simulation.preview is not None:
        path = folder / f"{picture.name} {name} {seed}.png"
        looking.save(picture, simulation.person, simulation.preview.objects, path)
    rows = [_row(picture, (name, name), seed, session)]
    for other in ("forest", "floor") if name == "teacher" else ():
        moments = [m for m in MOMENTS if m <= seconds]
        again = replay(picture, LEARNERS[other](picture, seed), session.strokes, moments)
        rows.append(_row(picture, (other, name), seed, again))
    return rows


def _row(picture: Picture, who: tuple[str, str], seed: int, session: Session) -> dict[str, Any]:
    return {
        "image": picture.name,
        "learner": who[0],
        "user": who[1],  # whose errors the person mended
        "seed": seed,
        "seconds": round(session.seconds, 1),
        "instances": picture.instances,
        "strokes": len(session.strokes),
        "mends_from_s": _rounded(session.mends_from),
        "first_preview_cpu_s": _rounded(session.first_preview),
        "cpu_s": _rounded(session.cpu),
        "latest_cpu_s": _rounded(session.latest),
        "dip": _rounded(session.dip),
        "foreseen": _mean(session.foreseen),
        "obeyed": _mean(session.obeyed),
        "drawn": _mean(session.drawn),
        "curve": [[round(when, 2), round(iou, 4)] for when, iou in session.curve],
    }


def _mean(shares: list[float]) -> float | None:
    return round(float(np.mean(shares)), 4) if shares else None


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def rows() -> list[dict[str, Any]]:
    """Return the newest row of each picture, learner, user and seed."""
    newest = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        newest[row["image"], row["learner"], row["user"], row["seed"]] = row
    return list(newest.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", choices=pictures.names(), nargs="*", default=pictures.names())
    parser.add_argument("--learner", choices=tuple(LEARNERS), default="teacher")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the person")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="save how each one ended")
    parser.add_argument("--table", action="store_true", help="write the table and the curves")
    arguments = parser.parse_args()
    if arguments.table:
        found = rows()
        curves.draw(found, CHART)
        record("annotator", curves.table(found))
        return
    warm_up(arguments.learner)
    for name in arguments.image:
        for seed in arguments.seeds:
            picture, folder = pictures.load(name), arguments.pictures
            append(run(picture, arguments.learner, seed, arguments.seconds, folder))


def warm_up(name: str) -> None:
    """Load and compile what a program that is open already has at hand."""
    cells = synthetic_cells(2, (160, 160), 8)
    picture = Picture("warm-up", cells.image, cells.labels > 0, cells.axes)
    Simulation(picture, LEARNERS[name](picture, 0), 0).run(6.0)


def append(found: list[dict[str, Any]]) -> None:
    """Write rows to the file, and without their curves to the screen."""
    for row in found:
        print(json.dumps({k: v for k, v in row.items() if k != "curve"}), flush=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)  # threads that wait for each other would be counted as CPU time
    main()
