"""Each check finds what it is for, with the numbers, and leaves good annotations alone."""

import re
from pathlib import Path

import numpy as np

from napari_unet.core.annotation.finding import Finding

EDGE = 96
OBJECTS = {"zero": "background", "ids": "objects"}
CLASSES = {"zero": "background", "ids": "classes"}


def test_good_annotations_are_left_alone(check, cells):
    for labels, code in (
        (cells(), OBJECTS),
        (cells() > 0, CLASSES),
        (np.where(cells() > 0, 2, 1), {}),
        (np.where(cells() > 0, cells() + 1, 1), {"ids": "objects"}),
    ):
        found = check(labels, **code)
        assert {what: f.severity for what, f in found.items()} == {"balance": "note"}
    stroked = np.zeros((EDGE, EDGE), np.uint8)
    stroked[10:14, 10:40], stroked[50:54, 50:80] = 1, 2
    assert {f.severity for f in check(stroked).values()} == {"note"}
    assert set(check(stroked)) == {"balance", "unlabelled"}


def test_labels_given_as_image(check, cells):
    found = check(cells(), (cells() > 0) * 200.0, **OBJECTS)["two-values"]
    assert found.message == "The image holds only two values, 0 and 200, as labels do."
    assert check(cells(), cells(), **OBJECTS)["same"].severity == "error"


def test_the_guide_explains_every_finding():
    root = Path(__file__).parents[3]
    checks = (root / "src" / "napari_unet" / "core" / "annotation").glob("*.py")
    source = "".join(path.read_text("utf-8") for path in checks)
    keys = set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    assert len(keys) > 20
    table = (root / "docs" / "annotations.md").read_text("utf-8").split("| key |")[1]
    assert keys == {
        key for row in table.splitlines() if row.startswith("| `")
        for key in re.findall(r"`([a-z-]+)`", row.split("|")[1])
    }  # fmt: skip


def test_a_finding_is_one_sentence():
    finding = Finding("what", "note", "This is so.", "Do that.")
    assert str(finding) == "This is so; do that"
