"""Do our measures agree with the packages people use, and how long do they take beside them?

Real label images are spoiled (objects lost, invented, split, merged and moved) and scored by all.
Figures must agree to 1e-9; where a peer computes in single precision its counts are taken instead.
``--freeze`` writes the peers' figures into the tests, so that they hold where no peer is installed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from skimage.io import imread

from napari_unet.core.evaluation import (
    Comparison,
    object_measures,
    objects,
    partitions,
    pixels,
    regions,
    score,
    warping_error,
)

DATA = Path(__file__).parents[2] / "shared" / "data"
FROZEN = Path(__file__).parents[1] / "tests" / "core" / "evaluation" / "peers.json"
IOUS = (0.1, 0.3, 0.5, 0.7, 0.9)
VOID = 11  # what CamVid calls unlabelled; its classes are 0 … 10
AGREE = 1e-9

Figures = dict[str, float]


def spoil(labels: np.ndarray, seed: int) -> np.ndarray:
    """Make a result of a truth: one object in ten lost, split, merged; the rest moved a little."""
    rng = np.random.default_rng(seed)
    result = np.zeros(labels.shape, np.int32)
    ids = np.unique(labels)[1:]
    fate = rng.integers(10, size=len(ids))
    moves = rng.integers(-3, 4, size=(len(ids), 2))
    for number, (i, what, move) in enumerate(zip(ids, fate, moves, strict=True), start=1):
        rows, columns = np.nonzero(labels == i)
        new = np.full(len(rows), number)
        if what == 0:
            continue
        if what == 1:
            new[rows > np.quantile(rows, 0.4)] = number + len(ids)
        if what == 2:
            new[:] = max(1, number - 1)
        inside = ((rows + move[0]) % labels.shape[0], (columns + move[1]) % labels.shape[1])
        result[inside] = new
    for number in range(3):
        top, left = rng.integers(0, np.array(labels.shape) - 12)
        result[top : top + 12, left : left + 12] = 3 * len(ids) + number
    return np.searchsorted(np.unique(result), result).astype(np.int32)


def object_scenes() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Nuclei and cells: the truth numbered without gaps, as some peers need it, and spoiled."""
    for name, suffix in (("dsb2018", "png"), ("usiigaci", "tif")):
        for seed, path in enumerate(sorted((DATA / name / "val" / "labels").glob(f"*.{suffix}"))):
            labels = imread(path)
            labels = np.searchsorted(np.unique(labels), labels).astype(np.int32)
            yield f"{name}/{path.stem}", labels, spoil(labels, seed)


def class_scenes() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Street scenes of eleven classes, the result moved by a few pixels."""
    for path in sorted((DATA / "camvid" / "val" / "labels").glob("*.png")):
        labels = imread(path).astype(np.int64)
        moved = np.roll(labels, (2, 3), (0, 1))
        yield f"camvid/{path.stem}", labels, np.where(moved == VOID, 0, moved)


def membrane_scenes() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Cells of neural tissue, against what a threshold of the smoothed image gives."""
    volume = tifffile.imread(DATA / "isbi2012" / "train-volume.tif")
    labels = tifffile.imread(DATA / "isbi2012" / "train-labels.tif")
    for z in range(16, 20):
        found = ndimage.gaussian_filter(volume[z].astype(float), 2) > 110
        yield f"isbi2012/{z}", regions(labels[z]), regions(found)


def own_objects(truth: np.ndarray, result: np.ndarray) -> Figures:
    image = Comparison(truth, result)
    matched = {
        "precision": objects.precision,
        "recall": objects.recall,
        "f1": objects.f1,
        "average_precision": objects.average_precision,
    }
    found = {f"{n} {iou}": one.measure(iou).of(image) for n, one in matched.items() for iou in IOUS}
    found["panoptic_quality"] = objects.panoptic_quality.measure().of(image)
    found["seg"] = objects.seg_measure().of(image)
    return found | own_foreground(image)


def own_foreground(image: Comparison) -> Figures:
    return {
        "iou": pixels.iou.measure().of(image),
        "dice": pixels.dice.measure().of(image),
        "pixel_error": pixels.pixel_error.measure().of(image),
    }


def own_partition(truth: np.ndarray, result: np.ndarray) -> Figures:
    image = Comparison(truth, result)
    return {
        "rand_error": partitions.rand_error_measure().of(image),
        "v_rand": partitions.v_rand_measure(thin=False).of(image),
        "v_info": partitions.v_info_measure(thin=False).of(image),
    }


def own_classes(truth: np.ndarray, result: np.ndarray) -> Figures:
    image = Comparison(truth, result, VOID)
    found = {f"iou of {c}": pixels.iou.measure(c).of(image) for c in range(VOID)}
    found |= {f"dice of {c}": pixels.dice.measure(c).of(image) for c in range(VOID)}
    return found | {"pixel_error": pixels.pixel_error.measure(range(VOID)).of(image)}


def of_stardist(truth: np.ndarray, result: np.ndarray) -> Figures:
    """stardist.matching; its IoUs, and with them its panoptic quality, are single precision."""
    from stardist.matching import matching

    found: Figures = {}
    for iou in IOUS:
        peer = matching(truth, result, thresh=iou)
        found |= {
            f"precision {iou}": float(peer.precision),
            f"recall {iou}": float(peer.recall),
            f"f1 {iou}": float(peer.f1),
            f"average_precision {iou}": float(peer.accuracy),
        }
    return found


def of_cellpose(truth: np.ndarray, result: np.ndarray) -> Figures:
    """cellpose.metrics; the figure is single precision, so it is made of its counts here."""
    from cellpose.metrics import average_precision

    _, *counts = average_precision(truth, result, threshold=list(IOUS))
    tp, fp, fn = (np.asarray(c, float) for c in counts)
    figures = tp / (tp + fp + fn)
    return {f"average_precision {i}": float(f) for i, f in zip(IOUS, figures, strict=True)}


def of_ctcmetrics(truth: np.ndarray, result: np.ndarray) -> Figures:
    """py-ctcmetrics reads files."""
    from ctc_metrics.metrics import seg
    from ctc_metrics.utils.representations import match

    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/truth.tif", f"{folder}/result.tif"]
        for path, labels in zip(paths, (truth, result), strict=True):
            tifffile.imwrite(path, labels.astype(np.int32))
        reference, _, _, _, ious = match(*paths)
    return {"seg": float(seg([reference], [ious]))}


def of_torchmetrics(truth: np.ndarray, result: np.ndarray) -> Figures:
    """Panoptic quality with torch set to double precision; IoU and Dice of the confusion matrix."""
    import torch
    from torchmetrics.detection import PanopticQuality
    from torchmetrics.functional.classification import binary_confusion_matrix

    def coded(labels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.stack([labels > 0, labels], -1).astype(np.int64))[None]

    quality = PanopticQuality(things={1}, stuffs={0}, return_per_class=True)
    torch.set_default_dtype(torch.float64)  # else IoUs are divided in single precision
    figure = quality(coded(result), coded(truth)).flatten()[0]
    torch.set_default_dtype(torch.float32)
    table = binary_confusion_matrix(
        torch.from_numpy(result > 0).long(), torch.from_numpy(truth > 0).long()
    )
    (_, fp), (fn, tp) = table.double().tolist()
    return {
        "panoptic_quality": float(figure),
        "iou": tp / (tp + fp + fn),
        "dice": 2 * tp / (2 * tp + fp + fn),
        "pixel_error": (fp + fn) / truth.size,
    }


def classes_of_torchmetrics(truth: np.ndarray, result: np.ndarray) -> Figures:
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    table = multiclass_confusion_matrix(
        torch.from_numpy(result), torch.from_numpy(truth), num_classes=VOID, ignore_index=VOID
    )
    table = table.double().numpy()
    both, areas = np.diag(table), table.sum(0) + table.sum(1)
    found = {f"iou of {c}": _share(both[c], areas[c] - both[c]) for c in range(VOID)}
    found |= {f"dice of {c}": _share(2 * both[c], areas[c]) for c in range(VOID)}
    return found | {"pixel_error": 1 - both.sum() / table.sum()}


def of_skimage(truth: np.ndarray, result: np.ndarray) -> Figures:
    """scikit-image takes the border for one region: here every border pixel gets its own id."""
    from skimage.metrics import adapted_rand_error, contingency_table, variation_of_information

    alone = np.where(
        result > 0, result, result.max() + 1 + np.arange(result.size).reshape(result.shape)
    )
    keep = truth > 0
    error, _, _ = adapted_rand_error(truth, alone, ignore_labels=(0,))
    table = contingency_table(truth[keep], alone[keep]).astype(float)
    a, b = (np.asarray(table.sum(axis)).ravel() for axis in (1, 0))
    rand = 2 * (table.data**2).sum() / ((a**2).sum() + (b**2).sum())
    found_given_true, true_given_found = variation_of_information(truth[keep], alone[keep])
    a = a[a > 0] / a.sum()
    shared = -(a * np.log2(a)).sum() - true_given_found
    info = 2 * shared / (2 * shared + found_given_true + true_given_found)
    return {"rand_error": float(error), "v_rand": float(rand), "v_info": float(info)}


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


Score = Callable[[np.ndarray, np.ndarray], Figures]
QUESTIONS: dict[str, tuple[Callable[[], Iterator], Score, dict[str, Score]]] = {
    "objects": (
        object_scenes,
        own_objects,
        {
            "stardist": of_stardist,
            "cellpose": of_cellpose,
            "py-ctcmetrics": of_ctcmetrics,
            "torchmetrics": of_torchmetrics,
        },
    ),
    "classes": (class_scenes, own_classes, {"torchmetrics": classes_of_torchmetrics}),
    "partition": (membrane_scenes, own_partition, {"scikit-image": of_skimage}),
}


def agreement() -> tuple[str, dict[str, dict[str, dict[str, float]]]]:
    """Return a table of how far each peer is from us, and all peers' figures."""
    lines = ["| peer | measures | images | largest difference |", "|---|---|---:|---:|"]
    kept: dict[str, dict[str, dict[str, float]]] = {}
    for scenes, own, peers in QUESTIONS.values():
        images = [(name, truth, result, own(truth, result)) for name, truth, result in scenes()]
        for peer, ask in peers.items():
            try:
                found = {name: ask(truth, result) for name, truth, result, _ in images}
            except (
                ImportError,
                RuntimeError,
            ) as error:  # RuntimeError: torchvision of another torch
                lines.append(f"| {peer} | absent: {str(error).splitlines()[0]} | | |")
                continue
            kept[peer] = kept.get(peer, {}) | found
            far = [abs(ours[n] - f) for name, _, _, ours in images for n, f in found[name].items()]
            names = dict.fromkeys(n.split()[0] for f in found.values() for n in f)
            lines.append(f"| {peer} | {', '.join(names)} | {len(images)} | {max(far):.1e} |")
            if max(far) > AGREE:
                sys.exit("\n".join([*lines, f"{peer} and napari-unet differ by {max(far)}"]))
    return "\n".join(lines), kept


def grid_of_objects(seed: int, side: int = 2048, number: int = 2000) -> np.ndarray:
    """Discs of random size, a little out of place, on a grid."""
    rng = np.random.default_rng(seed)
    across = int(np.ceil(np.sqrt(number)))
    step = side / across
    y, x = np.indices((side, side))
    cell = np.minimum((y // step) * across + x // step, across**2 - 1).astype(np.int64)
    places = np.indices((across, across)).reshape(2, -1) * step + step / 2
    centres = places + rng.normal(0, 2, places.shape)
    radius = rng.uniform(0.25, 0.45, across**2) * step
    near = np.hypot(y - centres[0][cell], x - centres[1][cell]) < radius[cell]
    return np.where(near & (cell < number), cell + 1, 0).astype(np.int32)


def all_measures(truth: np.ndarray, result: np.ndarray) -> object:
    return score("race", Comparison(truth, result), object_measures())


def speed() -> str:
    from race import race, table

    truth, result = grid_of_objects(0), grid_of_objects(1)
    membranes = next(membrane_scenes())[1:]
    rows = race(
        {
            "napari-unet, F1 at one IoU": lambda: objects.f1(truth, result),
            "napari-unet, all thirteen measures": partial(all_measures, truth, result),
            "napari-unet, warping error of 512 x 512": partial(warping_error, *membranes),
            "stardist.matching, one IoU": lambda: _stardist_once(truth, result),
            "cellpose.metrics, one IoU": lambda: _cellpose_once(truth, result),
            "scikit-image, Rand error": lambda: _skimage_once(truth, result),
        }
    )
    return table(rows, "napari-unet, F1 at one IoU")


def _stardist_once(truth: np.ndarray, result: np.ndarray) -> object:
    from stardist.matching import matching

    return matching(truth, result)


def _cellpose_once(truth: np.ndarray, result: np.ndarray) -> object:
    from cellpose.metrics import average_precision

    return average_precision(truth, result, threshold=[0.5])


def _skimage_once(truth: np.ndarray, result: np.ndarray) -> object:
    from skimage.metrics import adapted_rand_error

    return adapted_rand_error(truth, result, ignore_labels=(0,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--freeze", action="store_true", help="write the figures into the tests")
    parser.add_argument("--no-race", action="store_true", help="compare the figures only")
    arguments = parser.parse_args()
    text, figures = agreement()
    print(text)
    if arguments.freeze and "absent:" in text:
        sys.exit("the figures of an absent peer would be lost: install it first")
    if arguments.freeze:
        FROZEN.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if not arguments.no_race:
        from race import record

        record(
            "evaluation", f"{text}\n\n2048 x 2048 pixels, 2 000 objects against 2 000:\n\n{speed()}"
        )


if __name__ == "__main__":
    main()
