"""Words: what the measures and the kinds of errors are called, and what they say about a result."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """A name for people and a sentence on what it tells."""

    name: str
    about: str


MEASURES = {
    "iou": Wording("IoU", "Foreground of truth and result: what they share, of what either has."),
    "average_precision": Wording(
        "AP", "Objects found, of all that are true, false or missed; a match has the IoU set below."
    ),
    "mean_average_precision": Wording("mean AP", "AP averaged over matches at IoU 0.50 to 0.95."),
    "f1": Wording("F1", "The harmonic mean of precision and recall of the objects."),
    "precision": Wording("precision", "Objects of the result that match a true one."),
    "recall": Wording("recall", "True objects that the result has found."),
    "panoptic_quality": Wording("PQ", "F1 times the mean IoU of the matches."),
    "seg": Wording("SEG", "Mean IoU over the true objects, as in the Cell Tracking Challenge."),
    "v_rand": Wording("V_Rand", "How alike the objects group the pixels, as in ISBI 2012."),
    "v_info": Wording("V_Info", "Information that the two groupings of the pixels share."),
    "rand_error": Wording("Rand error", "1 less the Rand F-score; 0 is best."),
    "dice": Wording("Dice", "Foreground: twice what both share, of what each has."),
    "pixel_error": Wording("pixel error", "Pixels that are wrong; 0 is best."),
    "mean_iou": Wording("mean IoU", "The IoU of each class, averaged."),
    "mean_dice": Wording("mean Dice", "The Dice of each class, averaged."),
    "warping_error": Wording(
        "warping error", "Pixels wrong after borders were moved as far as topology allows; 0 best."
    ),
    "warping_events": Wording(
        "splits, merges", "Splits, merges, holes and objects wrong for each pixel; 0 is best."
    ),
}
FIRST = ("iou", "average_precision", "mean_iou", "mean_dice")  # shown while the rest is closed


@dataclass(frozen=True)
class ErrorWords:
    """A kind of error: its name, its colour, and what is wrong."""

    name: str
    color: str  # told apart by people who see no red, no green or no blue, and seen on black
    about: str


ERRORS = (
    ErrorWords("missed", "#e60000", "True objects that the result has not found"),
    ErrorWords("false", "#6680ff", "Objects of the result that are none"),
    ErrorWords("split", "#ffff33", "True objects that the result cuts into several"),
    ErrorWords("merged", "#803366", "Objects of the result that cover several true ones"),
    ErrorWords("border", "#00ffe6", "Objects found whose border is more than 2 px off"),
)


def wording(measure: str, iou: float) -> Wording:
    """Return the words for a measure; those of one class name it."""
    name, _, of = measure.partition(" of ")
    found = MEASURES[name]
    if of:
        return Wording(f"{found.name} of class {of}", found.about)
    matched = name in ("average_precision", "f1", "precision", "recall", "panoptic_quality")
    return Wording(f"{found.name} @{iou:g}", found.about) if matched else found


def number(figure: float) -> str:
    """Return two or three digits that count."""
    return f"{figure:.3f}" if figure == 0 or figure >= 0.001 else f"{figure:.1e}"
