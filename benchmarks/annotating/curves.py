"""What the sessions show together: a chart of curves, a table, and whether the aims are reached."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
OURS, SAME, OWN, FLOOR = (
    ("teacher", "teacher"),
    ("forest", "teacher"),
    ("forest", "forest"),
    ("floor", "teacher"),
)
NAMES = {
    OURS: "Teacher",
    SAME: "random forest, the same strokes",
    OWN: "random forest, strokes that mend its own errors",
    FLOOR: "a threshold, the same strokes",
}
RED, BLUE, GRAY = "#d1495b", "#00798c", "#999999"
LOOKS = {OURS: (RED, "-"), SAME: (BLUE, "-"), OWN: (BLUE, ":"), FLOOR: (GRAY, "-")}
MOMENTS = (10.0, 30.0, 60.0, 120.0)
EARLY_LOSS = 0.03  # IoU the Teacher may be behind the forest at 10 s
ENOUGH = 0.85  # mean IoU at 120 s on the sets of instances


def shown_at(row: dict[str, Any], second: float) -> float:
    """Return the IoU of the preview shown at a moment; 0 before the first one."""
    shown = [iou for when, iou in row["curve"] if when <= second + 1e-6]
    return shown[-1] if shown else 0.0


def mean_at(found: Rows, image: str, who: tuple[str, str], second: float) -> float | None:
    """Return the mean over the seeds, or None where no session was that long."""
    ran = [row for row in _of(found, image, who) if row["seconds"] >= second]
    values = [shown_at(row, second) for row in ran]
    return float(np.mean(values)) if values else None


def table(found: Rows) -> str:
    images = list(dict.fromkeys(row["image"] for row in found))
    heads = [f"{s:.0f} s" for s in MOMENTS]
    lines = [
        "![IoU over the seconds of the person](pictures/annotator.png)",
        "",
        "IoU of the objects after that many seconds of the person: Teacher / forest, the same "
        "strokes / forest, its own errors mended / threshold.",
        "",
        f"| picture | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
    ]
    for image in images:
        cells = [_cell([mean_at(found, image, who, s) for who in NAMES]) for s in MOMENTS]
        lines.append(f"| {image} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_manners(found, images), "", *_verdicts(found, images)])


def _cell(values: list[float | None]) -> str:
    return " / ".join("" if v is None else f"{v:.3f}" for v in values)


def _manners(found: Rows, images: list[str]) -> list[str]:
    """Return the table of how the Teacher behaves on the way."""
    lines = [
        "| picture | strokes | mending from s | first preview, CPU-s | right before learning |"
        " mending stroke right after 0.5 CPU-s, drawing included | 1 s later | largest dip of IoU |"
        " CPU-s used |",
        "|---|" + "---:|" * 8,
    ]
    keys = (
        "strokes", "mends_from_s", "first_preview_cpu_s", "foreseen", "obeyed",
        "drawn", "dip", "cpu_s",
    )  # fmt: skip
    for image in images:
        ours = _of(found, image, OURS)
        if ours:
            values = [[row[key] for row in ours if row[key] is not None] for key in keys]
            worst = [max if key == "dip" else np.mean for key in keys]
            cells = [f"{of(v):.3g}" if v else "never" for of, v in zip(worst, values, strict=True)]
            lines.append(f"| {image} | {' | '.join(cells)} |")
    return lines


def _verdicts(found: Rows, images: list[str]) -> list[str]:
    """Return a sentence on each aim, over the pictures on which both have run."""
    both = [i for i in images if _of(found, i, OURS) and _of(found, i, SAME)]
    if not both:
        return []
    lines = [_against(found, both, who) for who in (SAME, OWN)]
    late = max(row["latest_cpu_s"] for i in both for row in _of(found, i, OURS))
    return [
        *(line for line in [*lines, _instances(found, both)] if line),
        f"- At worst the learning was {late:.2f} CPU-s late for the next stroke.",
    ]


def _against(found: Rows, images: list[str], who: tuple[str, str]) -> str:
    """Say how the Teacher compares with a forest, at 10 s and at 60 s."""
    early, later = (
        [g for i in images if (g := _gain(found, i, who, s)) is not None] for s in (10.0, 60.0)
    )
    said = []
    if early:
        behind = sum(g < -EARLY_LOSS for g in early)
        said.append(
            f"at 10 s {np.mean(early):+.3f} in the mean, more than {EARLY_LOSS} behind on "
            f"{behind} of {len(early)} pictures (aim: none)"
        )
    if later:
        ahead = sum(g > 0 for g in later)
        said.append(f"at 60 s ahead on {ahead} of {len(later)} (aim: six of eight)")
    return f"- Against the {NAMES[who]}: {'; '.join(said)}." if said else ""


def _instances(found: Rows, images: list[str]) -> str:
    """Say how good the Teacher is in the end on the sets of instances."""
    sets: dict[str, list[float]] = defaultdict(list)
    for image in images:
        iou = mean_at(found, image, OURS, 120.0)
        if iou is not None and any(row["instances"] for row in _of(found, image, OURS)):
            sets[image.split()[0]].append(iou)
    if not sets:
        return ""
    mean = np.mean([v for values in sets.values() for v in values])
    each = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in sets.items())
    return f"- Mean IoU at 120 s on the instance sets: {mean:.3f} (aim: {ENOUGH}); {each}."


def _gain(found: Rows, image: str, who: tuple[str, str], second: float) -> float | None:
    other = mean_at(found, image, who, second)
    ours = mean_at(found, image, OURS, second)
    return None if other is None or ours is None else ours - other


def draw(found: Rows, path: Path) -> None:
    """Draw the curves of all pictures into one chart."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    images = list(dict.fromkeys(row["image"] for row in found))
    rows = -(-len(images) // 4)
    figure, axes = pyplot.subplots(
        rows, 4, figsize=(13, 3.1 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax, image in zip(axes.ravel(), images, strict=False):
        _draw_one(ax, found, image)
    for ax in axes.ravel()[len(images) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("seconds of the person")
    for ax in axes[:, 0]:
        ax.set_ylabel("IoU of the objects")
    lines, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, dpi=90)


def _draw_one(ax: Any, found: Rows, image: str) -> None:
    for who, name in NAMES.items():
        color, style = LOOKS[who]
        for k, row in enumerate(_of(found, image, who)):
            when, ious = zip(*row["curve"], strict=True) if row["curve"] else ((0.0,), (0.0,))
            shown = {"color": color, "linestyle": style, "label": name if k == 0 else None}
            end = max(when[-1], row["seconds"])
            ax.step([*when, end], [*ious, ious[-1]], where="post", lw=1.4, **shown)
    ax.set(xlim=(0, 120), ylim=(0, 1), title=image)
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)


def _of(found: Rows, image: str, who: tuple[str, str]) -> Rows:
    return [row for row in found if row["image"] == image and (row["learner"], row["user"]) == who]
