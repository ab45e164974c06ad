"""What a network is for: a plain dictionary that travels with its weights.

Keys: ``classes`` (name and colour of each, background first), ``normalisation``, ``pixel_size``
(µm per axis, or None), ``settings`` of the training, ``history``, ``versions``. Others may be
added; everything in it is what JSON can hold.
"""

import json
import math
import re
from typing import Any

from napari_unet.core.normalisation import Normalisation

# Okabe and Ito's colours, told apart by colour-blind people too; grey is the background
COLOURS = ("#999999", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
LARGEST = 400_000  # bytes of JSON: quoted once more, it still fits the header of a network file
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")


def empty_about(classes: int) -> dict[str, Any]:
    """Return the ``about`` of a network that was never trained."""
    return {
        "classes": [named_class(number) for number in range(classes)],
        "normalisation": Normalisation().to_dict(),
        "pixel_size": None,
        "settings": {},
        "history": [],
        "versions": {},
    }


def named_class(number: int) -> dict[str, str]:
    """Return the default name and colour of a class."""
    colour = COLOURS[1 + (number - 1) % (len(COLOURS) - 1)] if number else COLOURS[0]
    return {"name": f"class {number}" if number else "background", "color": colour}


def check_about(about: dict[str, Any], classes: int) -> None:
    """Refuse, in one sentence, an ``about`` that a network of so many classes cannot carry."""
    _check_json(about)
    missing = sorted(empty_about(0).keys() - about.keys())
    if missing:
        raise ValueError(f"the about of the network lacks {', '.join(missing)}")
    _check_classes(about["classes"], classes)
    _check_normalisation(about["normalisation"])
    _check_pixel_size(about["pixel_size"])
    for key, kind in (("settings", dict), ("history", list), ("versions", dict)):
        if not isinstance(about[key], kind):
            raise ValueError(f"about['{key}'] must be a {kind.__name__}")


def _check_json(about: dict[str, Any]) -> None:
    try:
        text = json.dumps(about, ensure_ascii=False, allow_nan=False)
        same = json.loads(text) == about
        size = len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the about of the network is no JSON: {error}") from None
    if not same:
        raise ValueError("the about of the network is no JSON: keys are strings, tuples are lists")
    if size > LARGEST:
        raise ValueError(
            f"the about of the network has {size} bytes of JSON, and {LARGEST} fit a network file: "
            "shorten its history"
        )


def _check_classes(value: object, classes: int) -> None:
    if not isinstance(value, list) or len(value) != classes:
        count = len(value) if isinstance(value, list) else "no"
        raise ValueError(f"about['classes'] names {count} classes and the network has {classes}")
    for item in value:
        right = isinstance(item, dict) and isinstance(item.get("name"), str)
        if not right or not _COLOUR.fullmatch(str(item.get("color"))):
            raise ValueError("each of about['classes'] has a name and a color such as '#e69f00'")


def _check_normalisation(value: object) -> None:
    if not isinstance(value, dict) or value.keys() != Normalisation().to_dict().keys():
        raise ValueError("about['normalisation'] has the keys low, high and flatten")
    right = all(_is_number(one) for one in value.values())
    if not right or not (0 <= value["low"] < value["high"] <= 100 and value["flatten"] >= 0):
        raise ValueError(
            "about['normalisation']: low and high are percentiles, low below high; "
            "flatten is a sd of at least 0"
        )


def _check_pixel_size(value: object) -> None:
    if value is None:
        return
    right = isinstance(value, dict) and all(
        _is_number(size) and size > 0 for size in value.values()
    )
    if not right:
        raise ValueError("about['pixel_size'] gives µm per axis, above 0, or is None")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
