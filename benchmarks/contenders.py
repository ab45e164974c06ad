"""Contenders that are no networks: a random forest, and no learning at all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skimage.filters import gaussian, threshold_otsu

from tasks import Task


@dataclass(frozen=True)
class Found:
    """What a contender makes of an image: classes, and scores (classes, Y, X)."""

    labels: np.ndarray
    scores: np.ndarray


def forest(task: Task) -> list[Found]:
    """A random forest on multiscale features of the same training pixels, at most 300 000."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def features(image: np.ndarray) -> np.ndarray:
        plain = (image - np.percentile(image, 1)) / max(np.ptp(np.percentile(image, [1, 99.8])), 1)
        return multiscale_basic_features(plain.astype(np.float32), sigma_max=16)

    rng = np.random.default_rng(0)
    share = 300_000 / sum(p.image.size for p in task.train)
    xs, ys = [], []
    for p in task.train:
        chosen = rng.random(p.image.shape) < share
        xs.append(features(p.image)[chosen])
        ys.append((p.labels > 0 if task.instances else p.labels)[chosen])
    trees = RandomForestClassifier(100, min_samples_leaf=5, n_jobs=2, random_state=0)
    trees.fit(np.concatenate(xs), np.concatenate(ys))
    found = []
    for p in task.val:
        scores = trees.predict_proba(features(p.image).reshape(p.image.size, -1)).T
        scores = scores.reshape(-1, *p.image.shape)
        found.append(Found(scores.argmax(axis=0), scores))
    return found


def floor(task: Task) -> list[Found]:
    """No learning: the commonest class for classes, a global threshold for objects."""
    if task.instances:
        smooth = [gaussian(p.image, 1) for p in task.val]
        results = [(s > threshold_otsu(s)).astype(np.uint8) for s in smooth]
    else:
        common = np.bincount(np.concatenate([p.labels.ravel() for p in task.train])).argmax()
        results = [np.full(p.labels.shape, common) for p in task.val]
    return [Found(r, np.stack([r == c for c in range(task.classes)]) * 1.0) for r in results]


PLAIN: tuple[tuple[str, str, Callable[[Task], list[Found]]], ...] = (
    ("forest", "random forest", forest),
    ("floor", "no learning", floor),
)  # flag, name in the table
