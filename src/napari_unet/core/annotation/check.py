"""Run every check of an annotation and return the findings, the gravest first."""

import numpy as np

from napari_unet.core.annotation.check_image import pixel_findings
from napari_unet.core.annotation.check_objects import object_findings
from napari_unet.core.annotation.check_values import share_findings, value_findings
from napari_unet.core.annotation.finding import SEVERITIES, Finding
from napari_unet.core.annotation.image_fit import Fit, is_numeric
from napari_unet.core.annotation.label_codes import LabelCode, LabelTable
from napari_unet.core.arrays.axes import spatial_axes


def check(image: np.ndarray, labels: np.ndarray, fitted: Fit, code: LabelCode) -> list[Finding]:
    """Check as much as can be checked of arrays of any kind and shape."""
    findings = list(fitted.findings)
    if is_numeric(image):
        findings += pixel_findings(image, fitted.axes)
    if is_numeric(labels):
        findings += _label_findings(labels, fitted, code)
    if fitted.axes and "C" not in fitted.axes:
        findings += _same(image, labels)
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _label_findings(labels: np.ndarray, fitted: Fit, code: LabelCode) -> list[Finding]:
    palette = LabelTable.of(labels)
    findings = value_findings(palette, code)
    if any(finding.severity == "error" for finding in findings):
        return findings
    findings += share_findings(palette, code)
    if fitted.axes:
        findings += object_findings(palette, code, spatial_axes(fitted.axes))
    return findings


def _same(image: np.ndarray, labels: np.ndarray) -> list[Finding]:
    """Find labels given as the image."""
    if image.min() == image.max() or not np.array_equal(image, labels):
        return []
    message = "The image and the labels are equal."
    return [Finding("same", "error", message, "Give the image that was recorded.")]
