"""Reader: the pixels of one tile as the network takes them, and its scores back on the image.

All of it is NumPy, so that it can run in a thread beside the computation.
"""

from dataclasses import dataclass

import numpy as np

from napari_unet.core.mirror import mirror_indices
from napari_unet.core.normalisation import Contrast
from napari_unet.core.segmenting.canonical import CanonicalImage
from napari_unet.core.segmenting.grid import Grid
from napari_unet.core.sizes import border
from napari_unet.core.tiling import Tile


@dataclass(frozen=True)
class Reader:
    """Reads tiles of one image and puts scores back on its grid."""

    image: CanonicalImage
    contrast: Contrast
    grid: Grid

    def read(self, tile: Tile) -> np.ndarray:
        """Return the pixels (C, *input) of ``tile``: mirrored, normalised, resampled, float32."""
        leading, folded, places = self.grid.leading, [], list(tile.read)
        for axis, scale in enumerate(self.grid.scales, start=leading):
            place = places[axis]
            index = mirror_indices(place.start, place.stop, scale.network)
            folded.append(index)
            if scale.image != scale.network:
                made = scale.to_network(np.arange(index.min(), index.max() + 1))
                places[axis] = slice(int(made.first.min()), int(made.last.max()) + 1)
        pixels, indices = self.image.read(places)
        found = self.contrast.apply(pixels, indices)
        found = found.reshape(len(found), *found.shape[1 + leading :])
        for axis, (scale, index) in enumerate(zip(self.grid.scales, folded, strict=True)):
            if scale.image != scale.network:
                first = int(index.min())
                made = scale.to_network(np.arange(first, index.max() + 1))
                found = made.of(found, axis + 1, places[leading + axis].start)
                found = np.take(found, index - first, axis + 1)
        return found

    def put_back(self, tile: Tile, scores: np.ndarray) -> np.ndarray:
        """Return ``scores`` (K, *output) of ``tile`` as (K, *written): cut, or resampled."""
        leading, context = self.grid.leading, border(self.grid.depth)
        for axis, scale in enumerate(self.grid.scales):
            read, write = tile.read[leading + axis], tile.write[leading + axis]
            if scale.image == scale.network:
                index: list[slice] = [slice(None)] * scores.ndim
                index[axis + 1] = slice(0, write.stop - write.start)
                scores = scores[tuple(index)]
            else:
                made = scale.to_image(np.arange(write.start, write.stop))
                scores = made.of(scores, axis + 1, read.start + context)
        return scores.reshape(len(scores), *tile.shape)
