"""Cutting tiles out of a tensor: the same deformation for an image that is on a graphics card.

Only the few numbers that were drawn are sent to the device; places, interpolation and gray values
are computed there. What comes out is what ``Deformation`` gives in memory, up to rounding.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn import functional

from napari_unet.core.arrays.mirror import mirror_indices
from napari_unet.core.deformation.crop import ORDERS, check_centre, check_labels, places_of
from napari_unet.core.deformation.deformation import Deformation
from napari_unet.core.deformation.geometry import expand
from napari_unet.core.deformation.resample import Path
from napari_unet.core.deformation.spline import PIECE, REACH, RESPONSE


def cut_tensor(
    deformation: Deformation, source: torch.Tensor, centre: ArrayLike, order: int = 1
) -> torch.Tensor:
    """Cut a tile out of an image (…, *big) where it is: (…, *shape) float32.

    See :meth:`Deformation.cut`.
    """
    if order not in ORDERS:
        raise ValueError(f"order is {order}: choose 1 (linear) or 3 (cubic)")
    if source.is_complex():
        raise TypeError(f"an image of {source.dtype} cannot be interpolated: give real numbers")
    shape, dims = deformation.shape, len(deformation.shape)
    path, first, last = deformation.geometry.at(check_centre(centre, shape))
    margin = 1 + REACH if order == 3 else 0
    box = _read(source, places_of(source, shape, first - margin, last + margin)).float()
    pixels = box.reshape(1, -1, *box.shape[-dims:])
    places = _places(path, shape, source.device)
    found = _linear(pixels, places) if order == 1 else _cubic(_coefficients(pixels, dims), places)
    return found.reshape(*source.shape[:-dims], *shape)


def cut_label_tensor(
    deformation: Deformation,
    source: torch.Tensor,
    centre: ArrayLike,
    outside: int | None = None,
) -> torch.Tensor:
    """Cut a tile out of labels (…, *big) where they are; see :meth:`Deformation.cut_labels`."""
    if source.is_floating_point() or source.is_complex():
        raise TypeError(f"labels of {source.dtype} are not whole numbers: use cut_tensor()")
    check_labels(torch.empty(0, dtype=source.dtype).numpy().dtype, outside)
    shape, dims = deformation.shape, len(deformation.shape)
    path, first, _ = deformation.geometry.at(check_centre(centre, shape))
    nearest = torch.floor(_places(path, shape, source.device) + 0.5).long()
    at, beyond = torch.zeros_like(nearest[0]), torch.zeros_like(nearest[0], dtype=torch.bool)
    for size, start, along in zip(source.shape[-dims:], first.tolist(), nearest, strict=True):
        along = along + start
        beyond |= (along < 0) | (along >= size)
        at = at * size + _mirrored(along, size)
    found = source.reshape(*source.shape[:-dims], -1)[..., at]
    return found if outside is None else torch.where(beyond, outside, found).to(source.dtype)


def change_gray_tensor(deformation: Deformation, tile: torch.Tensor) -> torch.Tensor:
    """Apply the gray curve and the noise; see :meth:`Deformation.change_gray`."""
    gray = tile.float()
    curve = deformation.curve
    if not curve.straight:
        pieces = torch.from_numpy(curve.pieces()).to(gray.device, gray.dtype)
        count = len(pieces) - 2
        inner = (gray.nan_to_num() * count).clamp(-1, count).floor().long()
        past = gray - inner.clamp(min=0) / count
        value, slope, bend = pieces[inner + 1].unbind(-1)
        gray = value + past * (slope + past * bend)
    if deformation.noise:
        gray = gray + torch.from_numpy(deformation.grain(tuple(gray.shape))).to(gray.device)
    return gray


def _mirrored(index: torch.Tensor, size: int) -> torch.Tensor:
    period = max(2 * (size - 1), 1)
    folded = index % period
    return torch.minimum(folded, period - folded) if size > 1 else folded


def _read(source: torch.Tensor, places: Sequence[slice]) -> torch.Tensor:
    """Read a box that may lie beyond the edges, where the source is mirrored."""
    folded = [
        mirror_indices(place.start, place.stop, size)
        for place, size in zip(places, source.shape, strict=True)
    ]
    for axis, index in enumerate(folded):
        source = source.narrow(axis, int(index.min()), int(np.ptp(index)) + 1)
    for axis, (index, place) in enumerate(zip(folded, places, strict=True)):
        if index[0] != place.start or source.shape[axis] != len(index):
            taken = torch.from_numpy(index - index.min()).to(source.device)
            source = source.index_select(axis, taken)
    return source


def _places(path: Path, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Return the places (dims, *shape) of all pixels, in float64 where the device knows it."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    parts = (path.origin, path.matrix, expand(path), path.weights_z, path.weights_y)
    origin, matrix, nodes, in_z, in_y = (torch.from_numpy(p).to(device, dtype) for p in parts)
    places = torch.tensordot(in_z, in_y @ nodes, dims=([1], [1])).movedim(1, 0)
    for axis, size in enumerate(places.shape[1:]):
        along = torch.arange(size, device=device, dtype=dtype).view(-1, *(1,) * (2 - axis))
        places = places + matrix[:, axis].view(3, 1, 1, 1) * along
    places = places + origin.view(3, 1, 1, 1)
    return places[3 - len(shape) :].reshape(len(shape), *shape)


def _linear(pixels: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Interpolate (1, C, *box) at ``places`` (dims, *shape)."""
    sizes = torch.tensor(pixels.shape[2:], device=places.device, dtype=places.dtype)
    grid = places.movedim(0, -1) * (2 / (sizes - 1)) - 1
    return functional.grid_sample(
        pixels, grid.flip(-1)[None].float(), "bilinear", "border", align_corners=True
    )


def _coefficients(pixels: torch.Tensor, dims: int) -> torch.Tensor:
    """Return the B-spline coefficients; each axis loses ``REACH`` pixels at either end.

    Not a convolution of torch: graphics cards may round those to ten bits.
    """
    for axis in range(2, 2 + dims):
        size = pixels.shape[axis] - 2 * REACH
        found = RESPONSE[0].item() * pixels.narrow(axis, REACH, size)
        for away in range(1, REACH + 1):
            sides = pixels.narrow(axis, REACH - away, size) + pixels.narrow(
                axis, REACH + away, size
            )
            found += RESPONSE[away].item() * sides
        pixels = found
    return pixels


def _cubic(coefficients: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Evaluate the cubic spline; places count from the second coefficient.

    Two taps of the spline are one linear lookup at the right place between them, so that four
    lookups do for the sixteen taps of a plane.
    """
    before = torch.floor(places)
    part = places - before
    powers = torch.stack([torch.ones_like(part), part, part**2, part**3])
    taps = torch.einsum("p...,pt->t...", powers, torch.as_tensor(PIECE).to(powers))
    shares = torch.stack([taps[0] + taps[1], taps[2] + taps[3]])
    spots = before + torch.stack([taps[1] / shares[0], 2 + taps[3] / shares[1]])
    dims = len(places)
    found = torch.zeros((), device=places.device)
    for side in product((0, 1), repeat=dims):
        share = torch.stack([shares[s, axis] for axis, s in enumerate(side)]).prod(0)
        spot = torch.stack([spots[s, axis] for axis, s in enumerate(side)])
        found = found + share.float() * _linear(coefficients, spot)
    return found
