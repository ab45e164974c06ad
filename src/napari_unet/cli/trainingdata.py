"""Training data: annotated images from files, and which of them are set aside for validation."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.report import Report
from napari_unet.core.files.filepairs import Pair, pair_files
from napari_unet.core.files.runfolder import digest_of_file

if TYPE_CHECKING:
    from napari_unet.core.annotation import Annotation

SHARE = 0.15  # of the labels, set aside where there are enough images
ENOUGH = 4  # images from which some are set aside without being asked
SHOWN = 5  # names told


@dataclass(frozen=True)
class TrainingData:
    """Annotations to train and to validate on, and where they came from."""

    train: "list[Annotation]"
    validation: "list[Annotation]"
    sources: list[dict[str, Any]]
    pixel_size: dict[str, float] | None

    @property
    def channels(self) -> int:
        """Channels of the images; train() checks that all have as many."""
        return self.train[0].channels

    @property
    def classes(self) -> int:
        """Classes up to the highest that is labelled, background included."""
        return max(2, *(a.class_count for a in [*self.train, *self.validation]))


def read_data(arguments: argparse.Namespace, report: Report, depth: int, dims: int) -> TrainingData:
    """Read all pairs for a network of this ``depth`` and ``dims``; set some aside if asked to."""
    if (arguments.validation_images is None) != (arguments.validation_labels is None):
        raise ValueError("give --validation-images and --validation-labels together")
    pairs = _pairs(arguments.images, arguments.labels, report)
    read = [_read(pair, arguments) for pair in pairs]
    train, sources = [annotation for annotation, *_ in read], [source for _, source, _ in read]
    held: list[Annotation] = []
    if arguments.validation_images:
        for pair in _pairs(arguments.validation_images, arguments.validation_labels, report):
            annotation, source, _ = _read(pair, arguments)
            held.append(annotation)
            sources.append({**source, "role": "validation"})
    else:
        share = _share(arguments, len(train), report)
        if share and len(train) == 1:
            train, held = _block(train[0], share, report, depth, dims)
        elif share:
            train, held = _images(train, sources, share, arguments.seed, report)
    return TrainingData(train, held, sources, _pixel_size([size for *_, size in read], report))


def _pairs(images: Path, labels: Path, report: Report) -> list[Pair]:
    pairs, unpaired = pair_files(images, labels)
    for sentence in unpaired:
        report.warn(sentence)
    return pairs


def _read(
    pair: Pair, arguments: argparse.Namespace
) -> "tuple[Annotation, dict[str, Any], dict[str, float]]":
    from napari_unet.core.annotation import Annotation
    from napari_unet.core.files.imagefile import open_image

    image, labels = open_image(pair.first), open_image(pair.second)
    try:
        annotation = Annotation(
            image.data, labels.data, axes=image.axes, zero=arguments.zero, ids=arguments.ids
        )
        _ = annotation.classes  # what cannot be understood is said here, with the name of the file
    except ValueError as error:
        raise ValueError(f"{pair.second}: {error}") from None
    source = {
        "image": str(pair.first.resolve()),
        "image_sha256": digest_of_file(pair.first),
        "labels": str(pair.second.resolve()),
        "labels_sha256": digest_of_file(pair.second),
        "role": "training",
    }
    return annotation, source, dict(image.pixel_size)


def _share(arguments: argparse.Namespace, images: int, report: Report) -> float:
    """Return the share of the labels to set aside: what was asked for, or enough if it is there."""
    if arguments.validate_share is not None:
        return float(arguments.validate_share)
    if images < ENOUGH:
        report.warn(
            "nothing is set aside to validate on: give --validation-images, or --validate-share 0.2"
        )
    return SHARE if images >= ENOUGH else 0.0


def _block(
    annotation: "Annotation", share: float, report: Report, depth: int, dims: int
) -> "tuple[list[Annotation], list[Annotation]]":
    from napari_unet.core.training.split import reach, split_by_blocks

    kept, aside = split_by_blocks(annotation, reach(depth), share, dims)
    report.warn(
        f"set aside to validate on: {share:.0%} of the labels, a block at one end of the image, "
        f"and {reach(depth)} px between it and the rest"
    )
    return [kept], [aside]


def _images(
    annotations: "list[Annotation]",
    sources: list[dict[str, Any]],
    share: float,
    seed: int,
    report: Report,
) -> "tuple[list[Annotation], list[Annotation]]":
    from napari_unet.core.training.split import split_by_image

    kept, aside = split_by_image(annotations, share, seed)
    for place in aside:
        sources[place]["role"] = "validation"
    names = [Path(sources[place]["image"]).name for place in aside]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    report.warn(f"set aside to validate on: {', '.join(names[:SHOWN])}{more}")
    return [annotations[p] for p in kept], [annotations[p] for p in aside]


def _pixel_size(sizes: Sequence[dict[str, float]], report: Report) -> dict[str, float] | None:
    """Return the size of a pixel in µm that all images have; None where they differ."""
    known = [size for size in sizes if size]
    if not known:
        return None
    if any(size != known[0] for size in sizes):
        report.warn("the images differ in pixel size: the network is trained on pixels as they are")
        return None
    return known[0]
