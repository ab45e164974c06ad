"""What travels with a network is JSON that says what its classes and its images are."""

import json

import pytest

from napari_unet.core.network.metadata import LARGEST, check_about, empty_about, named_class


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_a_network_that_was_never_trained_has_an_about_that_can_be_carried(classes):
    about = empty_about(classes)
    check_about(about, classes)
    assert [item["name"] for item in about["classes"][:2]] == ["background", "class 1"]
    assert json.loads(json.dumps(about)) == about


def test_seven_classes_have_colours_of_their_own_and_never_that_of_the_background():
    colours = [named_class(number)["color"] for number in range(9)]
    assert len(set(colours[:8])) == 8
    assert colours[8] == colours[1]


def changed(**changes):
    return empty_about(2) | changes


NAMED = {"name": "cell", "color": "#e69f00"}


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"classes": []}, "lacks history, normalisation, pixel_size, settings, versions"),
        (changed(classes=[NAMED]), "names 1 classes and the network has 2"),
        (changed(classes="cells"), "names no classes and the network has 2"),
        (changed(classes=[NAMED, {"name": 3, "color": "#e69f00"}]), "has a name and a color"),
        (changed(classes=[NAMED, {"name": "a", "color": "red"}]), "has a name and a color"),
        (changed(classes=[NAMED, {"name": "a", "color": "#e69f0"}]), "has a name and a color"),
        (changed(normalisation={"low": 1.0, "high": 99.0}), "the keys low, high and flatten"),
        (changed(normalisation={"low": 9.0, "high": 9.0, "flatten": 0.0}), "low below high"),
        (changed(normalisation={"low": -1.0, "high": 9.0, "flatten": 0.0}), "percentiles"),
        (changed(normalisation={"low": 1.0, "high": 101.0, "flatten": 0.0}), "percentiles"),
        (changed(normalisation={"low": 1.0, "high": 99.0, "flatten": -1.0}), "at least 0"),
        (changed(normalisation={"low": True, "high": 99.0, "flatten": 0.0}), "percentiles"),
        (changed(pixel_size={"Y": 0.0}), "above 0, or is None"),
        (changed(pixel_size=[0.5, 0.5]), "µm per axis"),
        (changed(settings=[]), r"about\['settings'\] must be a dict"),
        (changed(history={}), r"about\['history'\] must be a list"),
        (changed(versions=None), r"about\['versions'\] must be a dict"),
        (changed(note=float("nan")), "is no JSON"),
        (changed(note=(1, 2)), "tuples are lists"),
        (changed(note={1: 2}), "keys are strings"),
        (changed(note=object()), "is no JSON"),
        (changed(note="x" * LARGEST), "shorten its history"),
    ],
)
def test_what_a_network_cannot_carry_is_refused_in_one_sentence(about, said):
    with pytest.raises(ValueError, match=said) as refused:
        check_about(about, 2)
    assert "\n" not in str(refused.value)


def test_what_others_add_is_kept_and_colours_may_have_opacity():
    shown = [NAMED, {"name": "", "color": "#E69F0080", "note": "thin"}]
    check_about(changed(classes=shown, pixel_size={"Y": 0.5, "X": 1}, note={"by": [1, None]}), 2)
    whole = {"low": 0.0, "high": 100, "flatten": 0}  # the limits themselves are legal
    check_about(changed(normalisation=whole), 2)
