"""Draws images side by side, with titles, in one PNG, for a computer without a window."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from napari_unet.widgets.evaluate.figures import ERRORS  # words and colours; no window in it

if TYPE_CHECKING:
    from napari_unet.core.evaluation import ErrorLayer

GAP = 12  # pixels between panels
TITLE = 22  # pixels above a panel
BACKGROUND, TEXT = (24, 26, 30), (230, 230, 230)
# from dark to bright, so that it can be read without colours
HEAT = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], float)


def gray(image: np.ndarray) -> np.ndarray:
    """Return (Y, X, 3) of a normalised image (C, Y, X): three channels are colour."""
    shown = image[:3] if len(image) >= 3 else np.repeat(image[:1], 3, axis=0)
    return (np.clip(shown, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def tinted(picture: np.ndarray, labels: np.ndarray, strength: float = 0.45) -> np.ndarray:
    """Blend a colour for each label over ``picture``; consecutive labels differ in hue."""
    colours = _hue(labels.astype(np.int64) * 0.618034 % 1.0)
    mixed = picture * (1 - strength) + colours * strength
    return np.where((labels > 0)[..., None], mixed, picture).astype(np.uint8)


def heat(values: np.ndarray, top: float) -> np.ndarray:
    """Colour ``values`` from 0 (dark) to ``top`` (bright)."""
    place = np.clip(values / top, 0, 1) * (len(HEAT) - 1)
    anchors = np.arange(len(HEAT))
    channels = [np.interp(place, anchors, HEAT[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def ruled(picture: np.ndarray, coordinates: np.ndarray, spacing: float = 32.0) -> np.ndarray:
    """Draw the deformed grid: where ``coordinates`` (2, Y, X) cross multiples of ``spacing``."""
    drawn = picture.copy()
    for axis in (0, 1):
        cell = np.floor(coordinates[axis] / spacing)
        for direction in (0, 1):
            line = np.diff(cell, axis=direction, append=np.take(cell, [-1], direction)) != 0
            drawn[line] = (255, 214, 10)
    return drawn


def framed(picture: np.ndarray, border: int) -> np.ndarray:
    """Draw the frame of the output ``border`` pixels inside the tile."""
    drawn = picture.copy()
    inside = (slice(border, -border), slice(border, -border))
    edge = np.ones(drawn[inside].shape[:2], bool)
    edge[2:-2, 2:-2] = False
    drawn[inside][edge] = (0, 200, 255)
    return drawn


def with_errors(picture: np.ndarray, errors: "ErrorLayer", strength: float = 0.65) -> np.ndarray:
    """Blend the colour of its kind over every error."""
    colours = np.array([(0, 0, 0), *(ImageColor.getrgb(words.color) for words in ERRORS)])
    mixed = picture * (1 - strength) + colours[errors.labels] * strength
    return np.where((errors.labels > 0)[..., None], mixed, picture).astype(np.uint8)


def errors_title(errors: "ErrorLayer") -> str:
    """Return how many errors there are of each kind."""
    counts = [f"{count} {kind}" for kind, count in errors.counts.items() if count]
    return f"errors: {', '.join(counts) or 'none'}"


def enlarged(picture: np.ndarray, edge: int = 480) -> np.ndarray:
    """Repeat pixels until the picture is about ``edge`` pixels wide."""
    times = max(1, round(edge / picture.shape[1]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def draw_panels(path: Path, panels: Sequence[tuple[str, np.ndarray]], columns: int = 3) -> None:
    """Write ``panels``, each a title and a picture (Y, X, 3) uint8, to one PNG."""
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(picture.shape[0] for _, picture in row) + TITLE + GAP for row in rows]
    widths = [sum(picture.shape[1] + GAP for _, picture in row) for row in rows]
    sheet = Image.new("RGB", (max(widths) + GAP, sum(heights) + GAP), BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for title, picture in row:
            pen.text((left, top), title, fill=TEXT, font=font)
            sheet.paste(Image.fromarray(picture), (left, top + TITLE))
            left += picture.shape[1] + GAP
        top += height
    sheet.save(path)


def _hue(share: np.ndarray) -> np.ndarray:
    """Return bright colours (…, 3) of hues 0..1."""
    turned = (share[..., None] + np.array([0.0, 2 / 3, 1 / 3])) % 1.0
    return 255 * np.clip(np.abs(turned * 6 - 3) - 1, 0, 1)
