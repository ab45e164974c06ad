"""Pixel size in micrometres from the metadata of a TIFF, per axis; left out where none is known."""

import math
import re
from typing import Any
from xml.etree import ElementTree

MICROMETRES = {
    "m": 1e6, "meter": 1e6, "metre": 1e6, "cm": 1e4, "centimeter": 1e4, "mm": 1e3,
    "millimeter": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "å": 1e-4, "angstrom": 1e-4, "pm": 1e-6, "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
CENTIMETRE = 3  # value of the tag ResolutionUnit; inches are a printing size and say nothing


def pixel_size(file: Any) -> dict[str, float]:
    """Return micrometres a pixel, per axis letter, of an open ``tifffile.TiffFile``."""
    if file.ome_metadata:
        found = _from_ome(file.ome_metadata)
    elif file.imagej_metadata:
        found = _from_imagej(file)
    else:
        found = _from_tags(file.pages[0], 1e4, needs_unit=True)
    return {axis: size for axis, size in found.items() if 0 < size < math.inf}


def _from_ome(xml: str) -> dict[str, float]:
    try:
        elements = list(ElementTree.fromstring(xml).iter())
    except ElementTree.ParseError:
        return {}
    pixels = next((e for e in elements if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return {}
    found = {}
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        factor = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size and factor:
            found[axis] = float(size) * factor
    return found


def _from_imagej(file: Any) -> dict[str, float]:
    said = file.imagej_metadata
    factor = micrometres(str(said.get("unit", "")))
    if factor is None:
        return {}
    found = _from_tags(file.pages[0], factor, needs_unit=False)
    if "spacing" in said:
        found["Z"] = float(said["spacing"]) * factor
    return found


def _from_tags(page: Any, factor: float, *, needs_unit: bool) -> dict[str, float]:
    """Read the resolution tags; ``factor``: micrometres of the unit they count pixels in."""
    unit = page.tags.get("ResolutionUnit")
    if needs_unit and (unit is None or int(unit.value) != CENTIMETRE):
        return {}
    found = {}
    for axis in "YX":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is not None and all(tag.value):
            found[axis] = tag.value[1] / tag.value[0] * factor
    return found


def micrometres(unit: str) -> float | None:
    """Return how many micrometres ``unit`` is, None where it is no known unit of length."""
    plain = re.sub(r"\\u00[bB]5", "µ", unit.strip())
    return MICROMETRES.get(plain.lower())
