"""Settings: what is written comes back, limits hold at both ends, presets suit the time given."""

import json
import math
from dataclasses import asdict, fields, replace

import pytest

from napari_unet.core.network.legal_sizes import border, input_size, is_legal
from napari_unet.core.training.settings import PRESETS, TrainSettings, smaller_tile, suggest_preset

FIELDS = fields(TrainSettings)
LIMITED = [item for item in FIELDS if item.metadata["low"] is not None]


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_written_comes_back(name):
    settings = TrainSettings.preset(name, seed=7)
    assert TrainSettings.from_json(settings.to_json()) == settings
    assert json.loads(settings.to_json()) == asdict(settings)


def test_a_preset_changes_what_it_names_and_nothing_else():
    for name, changes in PRESETS.items():
        settings = asdict(TrainSettings.preset(name, seed=7))
        assert settings == asdict(TrainSettings()) | changes | {"seed": 7}
    with pytest.raises(ValueError, match="there is no preset 'tiny': choose one of paper, "):
        TrainSettings.preset("tiny")


@pytest.mark.parametrize("item", LIMITED, ids=lambda item: item.name)
def test_both_limits_are_legal_and_what_lies_beyond_is_refused(item):
    low, high, kind = item.metadata["low"], item.metadata["high"], item.type
    for end, beyond in ((low, low - 1), (high, high + 1)):
        assert getattr(TrainSettings(**{item.name: kind(end)}), item.name) == end
        with pytest.raises(ValueError, match=f"{item.name} is .*: it must lie between"):
            TrainSettings(**{item.name: kind(beyond)})
    if kind is float:
        with pytest.raises(ValueError, match="must lie between"):
            TrainSettings(**{item.name: math.nan})


@pytest.mark.parametrize("item", FIELDS, ids=lambda item: item.name)
def test_a_default_is_of_the_type_that_is_declared_and_another_type_is_refused(item):
    assert isinstance(item.default, item.type)
    assert item.metadata["about"]
    if item.metadata["choices"]:
        assert item.default in item.metadata["choices"]
        with pytest.raises(ValueError, match=f"{item.name} is 'no such choice': choose one of "):
            replace(TrainSettings(), **{item.name: "no such choice"})
    wrong = True if item.type is not bool else 1
    with pytest.raises(TypeError, match=f"{item.name} must be of type {item.type.__name__}"):
        TrainSettings(**{item.name: wrong})


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("{", ValueError, "these settings are not JSON"),
        ("[1]", ValueError, "settings are a JSON object"),
        ('{"speed": 1}', ValueError, "there is no setting 'speed'"),
        ('{"rate": "fast"}', TypeError, "rate must be of type float"),
    ],
)
def test_text_that_is_no_settings_is_refused(text, kind, words):
    with pytest.raises(kind, match=words):
        TrainSettings.from_json(text)


@pytest.mark.parametrize(
    ("device", "minutes", "preset"),
    [
        ("cpu", 0.99, "nano"), ("cpu", 1.0, "small"), ("cpu", 5.99, "small"),
        ("cpu", 6.0, "standard"), ("cuda", 0.1, "standard"), ("mps", 0.1, "standard"),
    ],
)  # fmt: skip
def test_the_preset_for_a_device_and_a_time(device, minutes, preset):
    suggested = suggest_preset(device, minutes)
    assert suggested.preset == preset
    where = "a CPU" if device == "cpu" else "a GPU"
    assert suggested.reason.startswith(f"preset {preset} for {minutes:g} min on {where}: ")


@pytest.mark.parametrize("dims", [2, 3])
def test_a_smaller_tile_is_legal_and_its_output_has_about_half_the_pixels(dims):
    settings = TrainSettings(depth=2, tile=172 if dims == 2 else 92, dims=dims)
    lost = 2 * border(settings.depth)
    smaller = smaller_tile(settings)
    assert is_legal(settings.depth, smaller)
    assert 0.4 < ((smaller - lost) / (settings.tile - lost)) ** dims < 0.7
    tiles = [settings.tile]
    while tiles[-1] > input_size(settings.depth, 1):
        tiles.append(smaller_tile(replace(settings, tile=tiles[-1])))
    assert tiles == sorted(set(tiles), reverse=True)
    with pytest.raises(ValueError, match="the smallest of a network of depth 2"):
        smaller_tile(replace(settings, tile=tiles[-1]))
