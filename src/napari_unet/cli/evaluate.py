"""Score results against the truth: each image, worst first, and all together with intervals.

Label files hold a number for each object and 0 for background, unless --classes or --regions is
given. Each time point is an image of its own.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_unet.cli.command import Report
from napari_unet.cli.score_table import tell_images, tell_summary, write_csv
from napari_unet.core.files.file_pairs import FilePair, pair_files

if TYPE_CHECKING:
    import numpy as np

    from napari_unet.core.evaluation import Comparison, Measure, ScoredImage
    from napari_unet.core.files.image_file import ImageFile

ABOUT = "score results against the truth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("truth", type=Path, help="true labels: a file, or a folder of files")
    parser.add_argument("result", type=Path, help="labels found: a file, or a folder of files")
    values = parser.add_mutually_exclusive_group()
    values.add_argument("--classes", action="store_true", help="each label value is a class")
    values.add_argument(
        "--regions", action="store_true", help="each connected region of labels > 0 is an object"
    )
    parser.add_argument(
        "--ignore", type=int, metavar="VALUE", help="true label of unlabelled pixels"
    )
    parser.add_argument(
        "--iou", type=float, default=0.5, help="IoU that makes a match (default: 0.5)"
    )
    parser.add_argument("--warping", action="store_true", help="the warping error too (slower)")
    parser.add_argument("--planes", action="store_true", help="each plane is an image of its own")
    parser.add_argument("--axes", help="axes of the label files, such as ZYX")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all figures to a new file")


class Opened(NamedTuple):
    """The label files of one pair, not read yet."""

    name: str
    truth: "ImageFile"
    result: "ImageFile"


class Labels(NamedTuple):
    """The true labels and the result of one image."""

    name: str
    truth: "np.ndarray"
    result: "np.ndarray"


def run(arguments: argparse.Namespace) -> int:
    """Score every pair of files, then tell each image and the summary."""
    from napari_unet.core.evaluation import summarise, worst_first

    if arguments.csv is not None and arguments.csv.exists():
        raise FileExistsError(f"{arguments.csv} exists already: name another file with --csv")
    report = Report(arguments)
    prefer = ("labels",) if arguments.classes else ("objects", "labels")
    pairs, unpaired = pair_files(arguments.truth, arguments.result, prefer)
    for sentence in unpaired:
        report.warn(sentence)
    opened = [_open(pair, arguments.axes) for pair in pairs]
    measures = _measures(opened, arguments)
    scored = worst_first(list(_score(opened, measures, report, arguments)), measures[0])
    figures = [summarise(scored, measure, arguments.seed) for measure in measures]
    tell_images(report, scored)
    notes = [] if arguments.classes else [f"A match is an IoU of {arguments.iou:g} or more."]
    tell_summary(report, figures, len(scored), notes)
    if arguments.csv is not None:
        write_csv(arguments.csv, scored, figures)
    return 0


def _open(pair: FilePair, axes: str | None) -> Opened:
    """Open both files; what cannot be compared is told before anything is scored."""
    from napari_unet.core.files.image_file import open_image

    truth, result = (open_image(path, axes) for path in (pair.first, pair.second))
    for file in (truth, result):
        if "C" in file.axes:
            raise ValueError(
                f"{file.path} of shape {tuple(file.data.shape)} is read as {file.axes}, with "
                "channels, and labels have none: name its axes with --axes"
            )
    if tuple(truth.data.shape) != tuple(result.data.shape):
        raise ValueError(
            f"{pair.name}: the truth has shape {tuple(truth.data.shape)} and the result "
            f"{tuple(result.data.shape)}: compare labels of the same image, pixel by pixel"
        )
    return Opened(pair.name, truth, result)


def _measures(opened: Sequence[Opened], arguments: argparse.Namespace) -> "tuple[Measure, ...]":
    from napari_unet.core.evaluation import measures_of_classes, object_measures

    if not arguments.classes:
        return object_measures(arguments.iou, warping=arguments.warping)
    images = (labels for files in opened for labels in _images(files, arguments.planes))
    comparisons = (_comparison(labels, arguments) for labels in images)
    try:
        return measures_of_classes(comparisons, warping=arguments.warping)
    except ValueError as error:
        raise ValueError(f"{error} by leaving --classes out") from None


def _score(
    opened: Sequence[Opened],
    measures: "Sequence[Measure]",
    report: Report,
    arguments: argparse.Namespace,
) -> "Iterator[ScoredImage]":
    from napari_unet.core.evaluation import score

    for place, files in enumerate(opened):
        progress = f"scoring {place + 1} of {len(opened)}: {files.name}"
        for labels in _images(files, arguments.planes):
            report.live(progress, done=place, of=len(opened))
            comparison = _comparison(labels, arguments)
            if not arguments.classes:
                _warn_of_one_object(report, labels.name, comparison)
            yield score(labels.name, comparison, measures)


def _images(files: Opened, planes: bool) -> Iterator[Labels]:
    """Read the labels; time points, and planes where asked, are images of their own."""
    import numpy as np

    from napari_unet.core.arrays.axes import canonical_labels

    axes = files.truth.axes
    truth, result = (
        canonical_labels(np.asarray(file.data[...]), axes) for file in (files.truth, files.result)
    )
    leading = sorted(set(axes) - {"Y", "X"})  # T before Z
    split = [letter for letter in leading if letter == "T" or planes]
    return _apart(Labels(files.name, truth, result), split)


def _apart(labels: Labels, axes: Sequence[str]) -> Iterator[Labels]:
    """Take the leading ``axes`` apart."""
    if not axes:
        yield labels
        return
    for place, (truth, result) in enumerate(zip(labels.truth, labels.result, strict=True)):
        name = f"{labels.name} {axes[0].lower()}={place}"
        yield from _apart(Labels(name, truth, result), axes[1:])


def _comparison(labels: Labels, arguments: argparse.Namespace) -> "Comparison":
    """Make objects of what the files hold."""
    from napari_unet.core.evaluation import Comparison, regions

    unlabelled = None if arguments.ignore is None else labels.truth == arguments.ignore
    try:
        comparison = Comparison(labels.truth, labels.result, unlabelled)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{labels.name}: {error}") from None
    if not arguments.regions:
        return comparison
    truth = regions(comparison.erased(comparison.truth))
    return Comparison(truth, regions(comparison.result), unlabelled)


def _warn_of_one_object(report: Report, name: str, comparison: "Comparison") -> None:
    """Say so when a file in which every object should have its number holds one number only."""
    from napari_unet.core.evaluation import regions

    if len(comparison.overlap.truth_ids) != 1:
        return
    pieces = int(regions(comparison.erased(comparison.truth)).max())
    if pieces > 1:
        report.warn(
            f"{name}: the truth holds one label, {comparison.overlap.truth_ids[0]}, in {pieces} "
            "pieces: if each is an object, give --regions; if the label is a class, --classes"
        )
