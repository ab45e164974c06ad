"""TrainSettings: everything that decides a training, its four presets, and which one to suggest.

The form in the dock, the flags of the command line and the file beside a run all read the fields
declared here: their names, defaults, limits and descriptions are written nowhere else.
"""

import json
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from napari_unet.core.network.legal_sizes import border, input_size

PRESETS: dict[str, dict[str, Any]] = {
    # the paper as it stands: base 64, depth 4, no normalisation, SGD 0.99, one 572 tile a step
    "paper": {},
    # the best or as good as the best measured after 10 CPU minutes: with base 24 or 32 fewer steps
    # fit in and it is behind; w0 2 instead of 10 loses fewer pixels to the separation
    # (docs/benchmarks.md, Accuracy)
    "standard": {
        "base": 16, "depth": 3, "norm": "weight", "dropout": 0.2, "tile": 284, "batch": 1,
        "optimiser": "adam", "rate": 1e-3, "momentum": 0.9, "warmup": 20, "ema": 0.98,
        "balance": False, "w0": 2.0,
    },
    "small": {
        "base": 12, "depth": 3, "norm": "weight", "dropout": 0.1, "tile": 252, "batch": 1,
        "optimiser": "adam", "rate": 2e-3, "momentum": 0.9, "warmup": 10, "ema": 0.97,
        "balance": False, "w0": 2.0,
    },
    # for live teaching: a first useful result in seconds on one core
    "nano": {
        "base": 12, "depth": 2, "norm": "weight", "dropout": 0.0, "tile": 172, "batch": 1,
        "optimiser": "adam", "rate": 3e-3, "momentum": 0.9, "warmup": 5, "ema": 0.95,
        "flatten": 32.0, "w0": 2.0,
    },
}  # fmt: skip


Value = TypeVar("Value", bound=bool | float | str)


def _setting(
    default: Value,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    group: str,
) -> Value:
    """Declare a field with what a form, a command line and a check need to know of it."""
    about_it = {"about": about, "low": low, "high": high, "choices": choices, "group": group}
    return field(default=default, metadata=about_it)


@dataclass(frozen=True)
class TrainSettings:
    """How a network is built and trained; every length is in pixels of the network's input."""

    # -- network: what is built when no network is given
    base: int = _setting(
        64, "channels of the first level, doubled at each level", low=1, high=512, group="network"
    )
    depth: int = _setting(4, "number of 2x2 poolings", low=1, high=7, group="network")
    dims: int = _setting(2, "2 for planes, 3 for volumes", low=2, high=3, group="network")
    norm: str = _setting(
        "none",
        "none as in the paper, or weight standardisation, which learns faster",
        choices=("none", "weight"),
        group="network",
    )
    skips: bool = _setting(
        True, "copy each contracting level to the expanding one", group="network"
    )
    dropout: float = _setting(
        0.5, "share of features dropped at the end of the contracting path",
        low=0.0, high=0.95, group="network",
    )  # fmt: skip

    # -- tiles
    tile: int = _setting(
        572, "edge of the input tile; the next legal size is taken", low=16, high=8192, group="tile"
    )
    batch: int = _setting(1, "tiles averaged in one step", low=1, high=64, group="tile")
    low: float = _setting(
        1.0, "percentile of the whole image that becomes 0", low=0.0, high=49.0, group="tile"
    )
    high: float = _setting(
        99.8, "percentile of the whole image that becomes 1", low=51.0, high=100.0, group="tile"
    )
    flatten: float = _setting(
        0.0, "sd of the blur subtracted as background; 0: none", low=0.0, high=512.0, group="tile"
    )

    # -- deformation
    grid: int = _setting(3, "nodes per axis of the deformation", low=2, high=9, group="deformation")
    sd: float = _setting(
        10.0, "sd of the displacement at a node; 0: none", low=0.0, high=100.0, group="deformation"
    )
    rotation: float = _setting(
        180.0, "tiles are turned by up to ± this many degrees", low=0.0, high=180.0,
        group="deformation",
    )  # fmt: skip
    mirror: bool = _setting(True, "mirror every other tile", group="deformation")
    gray: float = _setting(
        0.2, "strength of the random gray-value curve; 0: none", low=0.0, high=1.0,
        group="deformation",
    )  # fmt: skip
    noise: float = _setting(
        0.0, "sd of the noise added, in units of the normalised image", low=0.0, high=1.0,
        group="deformation",
    )  # fmt: skip

    # -- weights and loss
    weighting: str = _setting(
        "paper", "formula of the weight map", choices=("paper", "falk"), group="weights"
    )
    w0: float = _setting(
        10.0, "weight of the separation between touching objects; 0: none", low=0.0, high=1000.0,
        group="weights",
    )  # fmt: skip
    sigma: float = _setting(5.0, "reach of the separation", low=0.1, high=200.0, group="weights")
    balance: bool = _setting(True, "rare classes weigh more; with weighting paper", group="weights")
    v: float = _setting(
        0.1, "weight of background far from all objects; with weighting falk", low=0.001,
        high=1.0, group="weights",
    )  # fmt: skip
    sigma1: float = _setting(
        10.0, "reach of the background's weight around an object; with weighting falk",
        low=0.1, high=200.0, group="weights",
    )  # fmt: skip
    dice: float = _setting(
        0.0, "share of the Dice loss beside the cross-entropy", low=0.0, high=1.0, group="weights"
    )

    # -- optimiser and budget
    optimiser: str = _setting(
        "sgd", "sgd with momentum as in the paper, or adam", choices=("sgd", "adam"),
        group="optimiser",
    )  # fmt: skip
    rate: float = _setting(1e-3, "highest learning rate", low=1e-9, high=10.0, group="optimiser")
    momentum: float = _setting(
        0.99, "momentum of sgd; the effective rate is rate / (1 - momentum)", low=0.0, high=0.999,
        group="optimiser",
    )  # fmt: skip
    warmup: int = _setting(
        100, "steps in which the rate climbs from 0", low=0, high=100_000, group="optimiser"
    )
    schedule: str = _setting(
        "cosine", "how the rate falls until the budget is used", choices=("cosine", "constant"),
        group="optimiser",
    )  # fmt: skip
    ema: float = _setting(
        0.0, "memory of the averaged weights that are shown and saved; 0: none",
        low=0.0, high=0.9999, group="optimiser",
    )  # fmt: skip
    minutes: float = _setting(
        0.0, "time to train; 0: as many steps as given", low=0.0, high=100_000.0, group="budget"
    )
    steps: int = _setting(
        1000, "steps to train when no time is given", low=1, high=100_000_000, group="budget"
    )
    patience: int = _setting(
        0, "validations without gain before an early stop; 0: never", low=0, high=10_000,
        group="budget",
    )  # fmt: skip
    validation_time: float = _setting(
        0.1, "longest share of the time spent on validation", low=0.0, high=0.5, group="budget"
    )
    checkpoint_seconds: float = _setting(
        60.0, "longest time between checkpoints", low=0.1, high=3600.0, group="budget"
    )
    precision: str = _setting(
        "auto", "auto takes bfloat16 where it is clearly faster",
        choices=("auto", "float32", "bfloat16"), group="budget",
    )  # fmt: skip
    seed: int = _setting(0, "the same seed gives the same training", low=0, high=2**31 - 1,
                         group="budget")  # fmt: skip

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item, getattr(self, item.name))
        if self.low >= self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}: low must be below high")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "TrainSettings":
        """Return the settings called ``name``, with ``changes`` made to single fields."""
        if name not in PRESETS:
            raise ValueError(f"there is no preset '{name}': choose one of {', '.join(PRESETS)}")
        return replace(cls(**PRESETS[name]), **_check_names(changes))

    def to_json(self) -> str:
        """Write every field; ``from_json`` gives an equal value back."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "TrainSettings":
        """Read what ``to_json`` wrote; an unknown field or a value out of range is refused."""
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"these settings are not JSON: {error}") from None
        if not isinstance(content, dict):
            raise ValueError("settings are a JSON object of field names and values")
        return cls(**_check_names(content))


def _check_names(changes: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(TrainSettings)}
    for name in changes:
        if name not in names:
            raise ValueError(f"there is no setting '{name}': the settings are {sorted(names)}")
    return changes


def _check(item: "Field[Any]", value: Any) -> None:
    """Refuse a value of the wrong type or outside the limits of its field, in one sentence."""
    kind = item.type
    assert isinstance(kind, type)
    assert get_origin(kind) is None, get_args(kind)
    right = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not right or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{item.name} must be of type {kind.__name__}, not {value!r}")
    low, high = item.metadata["low"], item.metadata["high"]
    if low is not None and not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{item.name} is {value}: it must lie between {low:g} and {high:g}")
    choices = item.metadata["choices"]
    if choices and value not in choices:
        raise ValueError(f"{item.name} is '{value}': choose one of {', '.join(choices)}")


MINUTES = {"cpu": 10.0, "cuda": 2.0, "mps": 5.0}  # when none are given
FAST = ("cuda", "mps")
ENOUGH = 6.0  # CPU minutes from which the larger network pays
SHORT = 1.0  # CPU minutes below which only the smallest learns anything


class PresetSuggestion(NamedTuple):
    """A preset by name, and the sentence that gives the reason."""

    preset: str
    reason: str


def suggest_preset(device: str, minutes: float) -> PresetSuggestion:
    """Return the preset for ``minutes`` on a device of this type: cpu, cuda or mps."""
    if device in FAST or minutes >= ENOUGH:
        preset, why = "standard", "the most accurate one that has learned by then"
    elif minutes >= SHORT:
        preset, why = "small", "the larger ones need more time"
    else:
        preset, why = "nano", "all others need more time"
    where = "a CPU" if device == "cpu" else "a GPU"
    return PresetSuggestion(preset, f"preset {preset} for {minutes:g} min on {where}: {why}")


def smaller_tile(settings: TrainSettings) -> int:
    """Return the legal tile whose output is about half as many pixels; the smallest has none."""
    lost = 2 * border(settings.depth)
    inside = settings.tile - lost
    half = int(inside * 0.5 ** (1 / settings.dims))
    next_smaller = inside - 2**settings.depth  # outputs lie so far apart
    tile = input_size(settings.depth, max(min(half, next_smaller), 1))
    if tile >= settings.tile:
        raise ValueError(
            f"a tile of {settings.tile} px, the smallest of a network of depth {settings.depth}, "
            "does not fit into memory: choose a smaller base or depth, or a preset such as small"
        )
    return tile
