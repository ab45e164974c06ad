"""Tasks: sets of real images with the truth, what to learn from and what to score on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from skimage.io import imread
from skimage.measure import label

from napari_unet import Annotation

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = ("isbi2012", "dsb2018", "usiigaci", "vnc")
FOLDS = 5


@dataclass(frozen=True)
class Picture:
    image: np.ndarray
    labels: np.ndarray  # classes, or instances with 0 as background


@dataclass(frozen=True)
class Task:
    """A set of images: what to learn from, what to score on, and by which measures."""

    name: str
    train: list[Picture]
    val: list[Picture]
    classes: int = 2
    instances: bool = True


def load(name: str) -> Task:
    if name == "isbi2012":
        return _isbi2012()
    train_part, val_part = _folders(name)
    if name == "vnc":
        return Task(name, train_part, val_part, 5, instances=False)
    return Task(name, train_part, val_part)


def held_out(task: Task, fold: int) -> Task:
    """Learn from four fifths of the training images and score the fifth ``fold`` (0 to 4).

    The val part is not looked at: what was chosen by its scores is judged by other images.
    """
    kept = [p for i, p in enumerate(task.train) if i % FOLDS != fold]
    return replace(task, train=kept, val=task.train[fold::FOLDS])


def annotations(task: Task) -> list[Annotation]:
    ids = "objects" if task.instances else "classes"
    return [Annotation(p.image, p.labels, zero="background", ids=ids) for p in task.train]


def _isbi2012() -> Task:
    folder = DATA / "isbi2012"
    stack, cells = imread(folder / "train-volume.tif"), imread(folder / "train-labels.tif") > 0
    pictures = [Picture(i, label(c, connectivity=1)) for i, c in zip(stack, cells, strict=True)]
    return Task("isbi2012", pictures[:16], pictures[16:])


def _folders(name: str) -> Sequence[list[Picture]]:
    parts = []
    for part in ("train", "val"):
        files = sorted((DATA / name / part / "images").iterdir())
        labels = [DATA / name / part / "labels" / file.name for file in files]
        parts.append([Picture(imread(i), imread(x)) for i, x in zip(files, labels, strict=True)])
    return parts
