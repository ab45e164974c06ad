"""A random forest on multiscale features: what ilastik, Labkit and convpaint learn with.

The features are those of ilastik's pixel classification with everything ticked. They are there
when the person begins; growing the trees and asking them takes processor seconds like any learning.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace
from skimage.feature import (
    hessian_matrix_eigvals,
    structure_tensor,
    structure_tensor_eigenvalues,
)

from annotating.learners import Painted, Preview
from annotating.pictures import Picture
from annotating.strokes import BACKGROUND, OBJECT

SMOOTH = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)  # sd in pixels; of 0.3 the smoothed value only
TREES = 100
MOST = 5_000  # pixels a class the trees are grown from, drawn at random when more are painted


def features(image: np.ndarray) -> np.ndarray:
    """Return (Y, X, features) float32 of an image (Y, X) or (Y, X, C)."""
    channels = np.moveaxis(np.atleast_3d(image), -1, 0).astype(np.float32)
    found = [gaussian_filter(c, s) for c in channels for s in SMOOTH]
    found += [f for c in channels for s in SMOOTH[1:] for f in _at_scale(c, s)]
    return np.stack(found, axis=-1)


def _at_scale(c: np.ndarray, sd: float) -> list[np.ndarray]:
    """Laplacian, gradient, difference of Gaussians and eigenvalues of two tensors, at one scale."""
    orders = [(2, 0), (1, 1), (0, 2)]
    hessian = np.stack([gaussian_filter(c, sd, order) for order in orders])
    return [
        gaussian_laplace(c, sd),
        gaussian_gradient_magnitude(c, sd),
        gaussian_filter(c, sd) - gaussian_filter(c, 0.66 * sd),
        *structure_tensor_eigenvalues(structure_tensor(gaussian_filter(c, sd), 0.5 * sd)),
        *hessian_matrix_eigvals(hessian),
    ]


class Forest:
    """Grown anew from all strokes whenever it is asked."""

    def __init__(self, picture: Picture, seed: int) -> None:
        self.shape, self.seed = picture.shape, seed
        features_of = features(picture.image)
        self.features = features_of.reshape(-1, features_of.shape[-1])
        self.painted = Painted(picture.shape)
        self.paint = self.painted.paint
        self.spent = 0.0

    def work(self, seconds: float) -> Iterator[Preview]:
        if not (self.painted.changed and self.painted.both):
            return
        begun = time.process_time()
        scores = self._grow().predict_proba(self.features)[:, 1].reshape(self.shape)
        self.painted.changed = False
        self.spent += time.process_time() - begun
        yield Preview(scores > 0.5, scores.astype(np.float32))

    def _grow(self) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(self.seed)
        flat = self.painted.labels.ravel()
        chosen = [np.flatnonzero(flat == label) for label in (BACKGROUND, OBJECT)]
        chosen = [rng.choice(c, MOST, replace=False) if len(c) > MOST else c for c in chosen]
        known = np.concatenate(chosen)
        trees = RandomForestClassifier(TREES, n_jobs=1, random_state=self.seed)
        return trees.fit(self.features[known], flat[known])
