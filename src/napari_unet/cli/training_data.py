"""Reads annotated images from files, and holds some labels back for validation."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Report
from napari_unet.core.files.file_pairs import FilePair, pair_files
from napari_unet.workflows.run_folder import digest_of_file

if TYPE_CHECKING:
    from napari_unet.core.annotation.annotation import Annotation

SHOWN = 5  # names told


@dataclass(frozen=True)
class FileTrainingData:
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


def read_data(
    arguments: argparse.Namespace, report: Report, depth: int, dims: int
) -> FileTrainingData:
    """Read all pairs for a network of this ``depth`` and ``dims``, and hold some labels back."""
    if (arguments.validation_images is None) != (arguments.validation_labels is None):
        raise ValueError("give --validation-images and --validation-labels together")
    pairs = _pairs(arguments.images, arguments.labels, report)
    read = [_read(pair, arguments) for pair in pairs]
    train, sources = [annotation for annotation, *_ in read], [source for _, source, _ in read]
    validation: list[Annotation] = []
    if arguments.validation_images:
        for pair in _pairs(arguments.validation_images, arguments.validation_labels, report):
            annotation, source, _ = _read(pair, arguments)
            validation.append(annotation)
            sources.append({**source, "role": "validation"})
    else:
        train, validation = _divided(train, sources, (depth, dims), arguments, report)
    return FileTrainingData(
        train, validation, sources, _pixel_size([size for *_, size in read], report)
    )


def _pairs(images: Path, labels: Path, report: Report) -> list[FilePair]:
    pairs, unpaired = pair_files(images, labels)
    for sentence in unpaired:
        report.warn(sentence)
    return pairs


def _read(
    pair: FilePair, arguments: argparse.Namespace
) -> "tuple[Annotation, dict[str, Any], dict[str, float]]":
    from napari_unet.core.annotation.annotation import Annotation
    from napari_unet.core.files.image_file import open_image

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


def _divided(
    annotations: "list[Annotation]",
    sources: list[dict[str, Any]],
    network: tuple[int, int],
    arguments: argparse.Namespace,
    report: Report,
) -> "tuple[list[Annotation], list[Annotation]]":
    """Hold labels back as the docks do; ``network``: its depth and dims."""
    from napari_unet.core.training.validation_split import hold_back

    split = hold_back(annotations, *network, arguments.seed, arguments.validate_share)
    whole = sorted(set(split.validation_places) - set(split.train_places))
    for place in whole:
        sources[place]["role"] = "validation"
    names = [Path(sources[place]["image"]).name for place in whole]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    report.warn(split.said + (f" They are {', '.join(names[:SHOWN])}{more}." if names else ""))
    return list(split.train), list(split.validation)


def _pixel_size(sizes: Sequence[dict[str, float]], report: Report) -> dict[str, float] | None:
    """Return the size of a pixel in µm that all images have; None where they differ."""
    known = [size for size in sizes if size]
    if not known:
        return None
    if any(size != known[0] for size in sizes):
        report.warn("the images differ in pixel size: the network is trained on pixels as they are")
        return None
    return known[0]
