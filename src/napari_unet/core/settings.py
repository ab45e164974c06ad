"""TrainSettings: everything that decides a training, written once.

The form in the dock, the flags of the command line and the file beside a run all read the fields
declared here: their names, defaults, limits and descriptions are written nowhere else.
"""

import json
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, get_args, get_origin

from napari_unet.core.presets import PRESETS


def _setting(
    default: Any,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    group: str,
) -> Any:
    """Declare a field with what a form, a command line and a check need to know of it."""
    return field(
        default=default,
        metadata={"about": about, "low": low, "high": high, "choices": choices, "group": group},
    )


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
        return replace(cls(**PRESETS[name]), **_known(changes))

    def to_json(self) -> str:
        """Write every field; ``from_json`` gives an equal value back."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "TrainSettings":
        """Read what ``to_json`` wrote; an unknown field or a value out of range is refused."""
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"these settings are not JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError("settings are a JSON object of field names and values")
        return cls(**_known(found))


def _known(changes: dict[str, Any]) -> dict[str, Any]:
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
