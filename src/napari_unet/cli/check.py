"""Check annotated images before training: what is wrong, where, and how to mend it."""

import argparse
from pathlib import Path

from napari_unet.cli.command import Report
from napari_unet.cli.preview import add_coding

ABOUT = "say what is wrong with annotated images, and how to mend it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", type=Path, help="an image, or a folder of images")
    parser.add_argument("labels", type=Path, help="its labels, or a folder of labels")
    add_coding(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check every pair; the exit status is 1 when one cannot be trained on."""
    from napari_unet.core.annotation.annotation import Annotation
    from napari_unet.core.files.file_pairs import pair_files
    from napari_unet.core.files.image_file import open_image
    from napari_unet.core.text import count

    report = Report(arguments)
    pairs, unpaired = pair_files(arguments.images, arguments.labels)
    for sentence in unpaired:
        report.warn(sentence)
    errors = 0
    for pair in pairs:
        image, labels = open_image(pair.first), open_image(pair.second)
        annotation = Annotation(
            image.data, labels.data, axes=image.axes, zero=arguments.zero, ids=arguments.ids
        )
        findings = annotation.check()
        errors += sum(finding.severity == "error" for finding in findings)
        for finding in findings:
            report.say(
                f"{pair.name}: {finding.severity}: {finding.message} {finding.remedy}".rstrip(),
                image=pair.first, what=finding.what, where=finding.where,
                severity=finding.severity,
            )  # fmt: skip
    checked = count(len(pairs), "annotated image")
    report.say(f"{checked} checked, {count(errors, 'error')}", errors=errors)
    return 1 if errors or not pairs else 0
