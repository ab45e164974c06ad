"""Writes the figures of an evaluation: a table for people, facts for --json, a CSV file."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Report

if TYPE_CHECKING:
    from napari_unet.core.evaluation import Figure, Interval, ScoredImage

HEADINGS = {
    "average_precision": "AP",
    "mean_average_precision": "mean AP",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "panoptic_quality": "PQ",
    "seg": "SEG",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
    "rand_error": "Rand error",
    "iou": "IoU",
    "dice": "Dice",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "pixel_error": "pixel error",
    "warping_error": "warping error",
    "warping_events": "splits, merges/pixel",
}
OF_EACH = (
    "average_precision", "mean_average_precision", "f1", "panoptic_quality", "seg",
    "v_rand", "iou", "dice", "mean_iou", "mean_dice", "pixel_error", "warping_error",
)  # fmt: skip
LONGEST_NAME = 40
MOST_COLUMNS = 10


def tell_images(report: Report, worst_first: Sequence["ScoredImage"]) -> None:
    """Print the figures of each image; --csv and --json have more of them."""
    shown = [name for name in worst_first[0].figures if name in OF_EACH]
    shown += [name for name in worst_first[0].figures if name.startswith("iou of")]
    shown = shown[:MOST_COLUMNS]
    title = "image, worst first"
    width = min(LONGEST_NAME, max(len(title), *(len(image.name) for image in worst_first)))
    if not report.json:
        report.say(_row(title, [heading(name) for name in shown], width, 15))
    for image in worst_first:
        cells = [number(image.figures[name]) for name in shown]
        row = _row(image.name, cells, width, 15)
        report.say(row, image=image.name, figures=image.figures)


def tell_summary(
    report: Report, figures: Sequence["Figure"], images: int, notes: Sequence[str]
) -> None:
    """Print each measure over all images with its interval, and notes on how to read it."""
    several = images > 1
    pooled = f"{images} images pooled" if several else "1 image"
    titles = [pooled, "95 % interval", *(["mean of images", "95 % interval"] if several else [])]
    if not report.json:
        report.say("\n" + _row("measure", titles, 20, 22))
    for figure in figures:
        cells = [number(figure.pooled), _interval(figure.pooled_interval)]
        cells += [number(figure.mean), _interval(figure.mean_interval)] if several else []
        report.say(_row(heading(figure.measure), cells, 20, 22), **facts(figure))
    if not report.json:
        report.say("\n" + "\n".join([*notes, _method(figures, images)]))


def facts(figure: "Figure") -> dict[str, Any]:
    """Return a figure as JSON for programs."""
    intervals = {"pooled_interval": figure.pooled_interval, "mean_interval": figure.mean_interval}
    return {
        "measure": figure.measure,
        "pooled": figure.pooled,
        "mean": figure.mean,
        **{name: interval and interval._asdict() for name, interval in intervals.items()},
    }


def write_csv(
    path: Path, worst_first: Sequence["ScoredImage"], figures: Sequence["Figure"]
) -> None:
    """Write a row for each image, worst first, then the summary."""
    from napari_unet.core.files.atomic_write import new_file

    with new_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", *(figure.measure for figure in figures)])
        for image in worst_first:
            writer.writerow([image.name, *(image.figures[f.measure] for f in figures)])
        writer.writerows(_summary_rows(figures))


def _summary_rows(figures: Sequence["Figure"]) -> Iterator[list[Any]]:
    for name in ("pooled", "mean"):
        yield [f"({name})", *(getattr(figure, name) for figure in figures)]
        intervals = [getattr(figure, f"{name}_interval") for figure in figures]
        for end in ("low", "high"):
            ends = (getattr(interval, end, "") for interval in intervals)
            yield [f"({name}, {end} end of the 95 % interval)", *ends]


def heading(measure: str) -> str:
    """Return the name of a measure for people: "iou of 2" is "IoU of class 2"."""
    name, _, of = measure.partition(" of ")
    return HEADINGS[name] + (f" of class {of}" if of else "")


def number(figure: float) -> str:
    """Return a figure with four decimals; a very small one as a power of ten."""
    return f"{figure:.4f}" if figure == 0 or figure >= 0.001 else f"{figure:.2e}"


def _interval(interval: "Interval | None") -> str:
    return "–" if interval is None else f"{number(interval.low)} – {number(interval.high)}"


def _row(name: str, cells: Sequence[str], width: int, cell: int) -> str:
    short = name if len(name) <= width else name[: width - 1] + "…"
    return short.ljust(width) + "".join(text.rjust(cell) for text in cells)


def _method(figures: Sequence["Figure"], images: int) -> str:
    """Return the sentence on how the intervals were made."""
    if images > 1:
        return f"Intervals: bootstrap over the {images} images."
    drawn = sorted({f.pooled_interval[2:] for f in figures if f.pooled_interval})
    over = ", ".join(f"{count} {units}" for units, count in dict(drawn).items())
    return f"Intervals: bootstrap within the image, over {over or 'nothing: there is one unit'}."
