"""How long does it take to deform a tile of image, labels and weights, beside the peers?

Every contender draws its own random numbers in every call. napari-unet, elasticdeform and scipy
compute one and the same field, the cubic spline through 3 x 3 random vectors (checked before the
race); MONAI and batchgeneratorsv2 make one of about the same size in their own way, and take as
many threads as they like. napari-unet takes one.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_unet import Deformation
from race import Row, race, record, table

EDGE, GRID, SD = 572, 3, 10.0
OURS = "napari-unet"
rng = np.random.default_rng(0)


def tile(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A smooth image, labels of objects about 40 px wide, and weights."""
    coarse = rng.integers(0, 60, [max(2, n // 40) for n in shape])
    at = np.meshgrid(
        *[np.arange(n) * c // n for n, c in zip(shape, coarse.shape, strict=True)], indexing="ij"
    )
    image = gaussian_filter(rng.random(shape, np.float32), 1.5)
    weights = gaussian_filter(rng.random(shape, np.float32), 3.0)
    return image, coarse[tuple(at)].astype(np.int32), weights


def nodes(dims: int = 2) -> np.ndarray:
    return rng.normal(0, SD, (dims, *(GRID,) * dims))


def lazily(build: Callable[[], Callable[[], object]]) -> Callable[[], object]:
    """Import and set up a contender in its warm-up, where a missing peer is reported."""
    made: list[Callable[[], object]] = []

    def call() -> object:
        if not made:
            made.append(build())
        return made[0]()

    return call


def ours(
    arrays: tuple[np.ndarray, ...],
    order: int,
    *,
    rotation: float = 0.0,
    mirror: bool = False,
    gray: float = 0.0,
) -> Callable[[], object]:
    image, labels, weights = arrays

    def call() -> object:
        drawn = Deformation.draw(
            rng, labels.shape, grid=GRID, sd=SD, rotation=rotation, mirror=mirror, gray=gray
        )
        warped = drawn.warp(image, order)
        if gray:
            warped = drawn.change_gray(warped)
        return warped, drawn.warp_labels(labels), drawn.warp(weights)

    return call


def elasticdeform(arrays: tuple[np.ndarray, ...], order: int) -> Callable[[], object]:
    import elasticdeform

    dims = arrays[0].ndim
    return lambda: elasticdeform.deform_grid(
        list(arrays), nodes(dims), order=[order, 0, 1], mode="mirror"
    )


def scipy_reference(arrays: tuple[np.ndarray, ...], order: int) -> Callable[[], object]:
    shape = arrays[0].shape
    pixels = np.indices(shape, np.float32)
    at = np.stack([p * (GRID - 1) / (n - 1) for p, n in zip(pixels, shape, strict=True)])

    def call() -> object:
        moved = [map_coordinates(node, at, order=3, mode="mirror") for node in nodes(len(shape))]
        places = pixels + np.stack(moved)
        orders = (order, 0, 1)
        return [
            map_coordinates(array, places, order=o, mode="mirror")
            for array, o in zip(arrays, orders, strict=True)
        ]

    return call


def monai(arrays: tuple[np.ndarray, ...], order: int) -> Callable[[], object]:
    import torch
    from monai.transforms import Rand2DElasticd

    image, labels, weights = (torch.from_numpy(a.astype(np.float32))[None] for a in arrays)
    transform = Rand2DElasticd(
        ["image", "labels", "weights"],
        spacing=((EDGE - 1) / (GRID - 1),) * 2,
        magnitude_range=(SD, SD),
        prob=1.0,
        mode=["bicubic" if order == 3 else "bilinear", "nearest", "bilinear"],
        padding_mode="reflection",
    )
    return lambda: transform({"image": image, "labels": labels, "weights": weights})


def batchgenerators(arrays: tuple[np.ndarray, ...]) -> Callable[[], object]:
    import torch
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    image, labels, weights = arrays
    both, objects = torch.from_numpy(np.stack([image, weights])), torch.from_numpy(labels)[None]
    transform = SpatialTransform(
        (EDGE, EDGE),
        0,
        False,
        p_elastic_deform=1.0,
        elastic_deform_scale=(0.2, 0.2),
        elastic_deform_magnitude=(SD, SD),
        mode_seg="nearest",
        padding_mode_image="reflection",
        border_mode_seg="reflection",
    )
    return lambda: transform(image=both, segmentation=objects)


def agreement() -> str:
    """Largest difference to scipy in float64 for one field, and labels that differ."""
    image, labels, _ = tile((EDGE, EDGE))
    drawn = replace(Deformation.identity((EDGE, EDGE)), nodes=nodes())
    at = np.indices((EDGE, EDGE)) * (GRID - 1) / (EDGE - 1)
    moved = [map_coordinates(node, at, order=3, mode="mirror") for node in drawn.nodes]
    places = np.indices((EDGE, EDGE)) + np.stack(moved)
    wrong = [
        np.abs(drawn.warp(image, order) - map_coordinates(image.astype(float), places, order=order,
                                                          mode="mirror")).max() / np.ptp(image)
        for order in (1, 3)
    ]  # fmt: skip
    differ = drawn.warp_labels(labels) != map_coordinates(labels, places, order=0, mode="mirror")
    return (
        f"Against scipy in float64 the same field gives an image that is off by {wrong[0]:.1g} of "
        f"its range at most (cubic: {wrong[1]:.1g}), and {differ.sum()} labels that differ."
    )


def tiles_2d(order: int) -> list[Row]:
    arrays = tile((EDGE, EDGE))
    contenders = {
        OURS: ours(arrays, order),
        f"{OURS}, turned, mirrored, gray values": ours(
            arrays, order, rotation=180.0, mirror=True, gray=0.2
        ),
        "elasticdeform": lazily(lambda: elasticdeform(arrays, order)),
        "scipy map_coordinates": lazily(lambda: scipy_reference(arrays, order)),
        "MONAI Rand2DElasticd": lazily(lambda: monai(arrays, order)),
    }
    if order == 1:
        contenders["batchgeneratorsv2 SpatialTransform"] = lazily(lambda: batchgenerators(arrays))
    return race(contenders)


def tiles_3d() -> list[Row]:
    arrays = tile((48, 160, 160))
    contenders = {
        OURS: ours(arrays, 1),
        "elasticdeform": lazily(lambda: elasticdeform(arrays, 1)),
        "scipy map_coordinates": lazily(lambda: scipy_reference(arrays, 1)),
    }
    return race(contenders, rounds=5)


def out_of(edge: int, arrays: tuple[np.ndarray, ...]) -> Callable[[], object]:
    """Cut tiles at random places of an image this large."""
    image, labels, weights = (
        np.tile(a, (edge // EDGE + 1,) * 2)[:edge, :edge].copy() for a in arrays
    )

    def call() -> object:
        drawn = Deformation.draw(rng, (EDGE, EDGE))
        centre = rng.uniform(EDGE * 0.8, edge - EDGE * 0.8, 2)
        cut = drawn.change_gray(drawn.cut(image, centre))
        return cut, drawn.cut_labels(labels, centre, 255), drawn.cut(weights, centre)

    return call


def large_images() -> list[Row]:
    arrays = tile((EDGE, EDGE))
    return race({f"out of {edge}²": out_of(edge, arrays) for edge in (1024, 8192)}, rounds=15)


def verdicts(rows: list[Row], least: dict[str, float]) -> str:
    """Say of each peer how many times faster we are, and whether that was the aim."""
    times = {row.name: row.median_s for row in rows if not row.absent}
    found = [
        f"{name}: {times[name] / times[OURS]:.1f}× slower (aim: at least {factor:g}×)"
        for name, factor in least.items()
        if name in times
    ]
    return "\n" + "; ".join(found) + "."


def main() -> None:
    linear, cubic, volume, large = tiles_2d(1), tiles_2d(3), tiles_3d(), large_images()
    peers = {
        "elasticdeform": 12.0,
        "MONAI Rand2DElasticd": 10.0,
        "batchgeneratorsv2 SpatialTransform": 4.0,
    }
    ratio = large[1].median_s / large[0].median_s
    text = "\n".join([
        f"Image (linear), labels and weights of a {EDGE}² tile, 3 x 3 nodes:\n",
        table(linear, OURS), verdicts(linear, peers),
        "\nThe same with a cubic image:\n",
        table(cubic, OURS), verdicts(cubic, {"elasticdeform": 7.0}),
        "\nA volume of 48 x 160 x 160, linear:\n",
        table(volume, OURS),
        f"\nA {EDGE}² tile, turned, mirrored, shifted, bent and changed in gray values, cut out of "
        f"a large image; {ratio:.2f} times the cost out of 8192² (aim: at most 1.3):\n",
        table(large, "out of 1024²"),
        f"\n{agreement()}",
    ])  # fmt: skip
    record("deformation", text)
    print(text)


if __name__ == "__main__":
    main()
