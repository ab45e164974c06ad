"""A project: what was saved or painted since comes back, and nothing is overwritten."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.files.label_file import write_tiff
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.project_folder import (
    FACTS,
    KeptAnnotation,
    KeptImage,
    Project,
    is_project,
)
from napari_unet.workflows.stroke_journal import signature

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 255, (60, 80)).astype(np.uint8)
VOLUME = RNG.integers(0, 65535, (5, 40, 50)).astype(np.uint16)
LABELS = RNG.integers(0, 3, (60, 80)).astype(np.uint8)
CLASSES = ({"name": "background", "color": "#000000"}, {"name": "Zelle", "color": "#ff0000"})
CELLS = KeptAnnotation("cells annotation", "cells", "YX", classes=CLASSES, role="validate")
FACTS_OF = {"cells annotation": {"image": "cells"}}


@pytest.fixture
def project(tmp_path):
    """Return a project with an image in a file beside it and one annotation."""
    write_tiff(tmp_path / "cells.tif", IMAGE, axes="YX")
    made = Project.create(tmp_path / "work.unet")
    size = {"Y": 0.5, "X": 0.25}
    image = made.place(None, KeptImage("cells", str(tmp_path / "cells.tif"), "YX", size))
    made.save([image], [(CELLS, LABELS)])
    return made


def test_what_is_saved_comes_back_in_plain_files(project, tmp_path):
    again = Project.open(project.folder)
    assert is_project(project.folder)
    assert again.images == (KeptImage("cells", "../cells.tif", "YX", {"Y": 0.5, "X": 0.25}),)
    (kept,) = again.annotations
    assert (kept.name, kept.image, kept.role, kept.classes) == (
        "cells annotation", "cells", "validate", CLASSES,
    )  # fmt: skip
    np.testing.assert_array_equal(again.image("cells").data[...], IMAGE)
    np.testing.assert_array_equal(again.labels("cells annotation"), LABELS)
    with tifffile.TiffFile(project.folder / "annotations" / "cells annotation.tif") as file:
        np.testing.assert_array_equal(file.asarray(), LABELS)
        assert 'PhysicalSizeX="0.25"' in file.ome_metadata
    assert "Zelle" in (project.folder / FACTS).read_text(encoding="utf-8")
    moved = (tmp_path / "elsewhere").resolve()
    moved.mkdir()
    for name in ("work.unet", "cells.tif"):
        (tmp_path / name).rename(moved / name)
    np.testing.assert_array_equal(Project.open(moved / "work.unet").image("cells").data, IMAGE)


def test_an_image_without_a_file_is_written_once(project):
    kept = project.place(VOLUME, KeptImage("a/b: volume", "", "ZYX"))
    assert kept.file == "images/a_b_ volume.tif"
    path = project.folder / kept.file
    project.save([kept], [])
    before = path.stat().st_mtime_ns
    assert project.place(VOLUME, KeptImage("a/b: volume", "", "ZYX")) == kept
    assert path.stat().st_mtime_ns == before
    project.place(VOLUME + 1, KeptImage("a/b: volume", "", "ZYX"))
    np.testing.assert_array_equal(project.image("a/b: volume").data[...], VOLUME + 1)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((40, 50, 3), "YXC"), ((4, 40, 50, 3), "ZYXC"), ((40, 50, 5), "YXC"), ((2, 40, 50), "CYX")],
)
def test_images_with_channels_come_back(project, shape, axes):
    image = RNG.integers(0, 255, shape).astype(np.uint8)
    project.save([project.place(image, KeptImage("colour", "", axes))], [])
    found = project.image("colour")
    assert found.axes == axes
    np.testing.assert_array_equal(found.data[...], image)


def test_an_image_of_somebody_is_never_written_over(project, tmp_path):
    kept = project.place(
        IMAGE + 1, KeptImage("cells", "", "YX")
    )  # of the name of one that has its own file
    assert kept.file == "images/cells.tif"
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cells.tif"), IMAGE)


def test_strokes_after_the_last_saving_come_back(project):
    journal = project.journal({"cells annotation": LABELS}, FACTS_OF)
    assert (project.folder / "strokes.journal").stat().st_size < 1000  # it begins with the file
    journal.stroke("cells annotation", (slice(3, 9), slice(4, 44)), np.full((6, 40), 2, np.uint8))
    journal.flush()
    expected = LABELS.copy()
    expected[3:9, 4:44] = 2
    again = Project.open(project.folder)
    assert again.strokes.strokes == 1
    np.testing.assert_array_equal(again.labels("cells annotation"), expected)
    restored = again.labels("cells annotation")
    second = again.journal({"cells annotation": restored}, FACTS_OF)  # killed again, unsaved
    second.flush()
    third = Project.open(project.folder)
    np.testing.assert_array_equal(third.labels("cells annotation"), expected)
    third.save(third.images, [(CELLS, expected)])
    third.journal({"cells annotation": expected}, FACTS_OF).close()
    last = Project.open(project.folder)
    assert last.strokes.strokes == 0
    np.testing.assert_array_equal(last.labels("cells annotation"), expected)


def test_a_kill_between_saving_and_the_new_journal_changes_nothing(project):
    """The old journal is replayed over files that hold its strokes already."""
    journal = project.journal({"cells annotation": LABELS}, FACTS_OF)
    labels = LABELS.copy()
    for value in (1, 2, 0):
        labels[value : value + 20, 10:30] = value
        journal.stroke(
            "cells annotation", (slice(value, value + 20), slice(10, 30)),
            np.full((20, 20), value, np.uint8),
        )  # fmt: skip
    journal.flush()
    project.save(project.images, [(CELLS, labels)])
    np.testing.assert_array_equal(Project.open(project.folder).labels("cells annotation"), labels)


NAME = "cells annotation"
TAKEN = (LABELS > 0) & (RNG.random(LABELS.shape) < 0.5)


def test_what_was_confirmed_is_saved_in_a_plain_file(project):
    path = project.folder / "confirmed" / "cells annotation.tif"
    assert not path.exists()  # nothing is confirmed
    project.save(project.images, [(CELLS, LABELS)], {NAME: Confirmed.of(TAKEN)})
    np.testing.assert_array_equal(tifffile.imread(path), TAKEN.astype(np.uint8))
    again = Project.open(project.folder)
    np.testing.assert_array_equal(again.labels(NAME), LABELS)
    np.testing.assert_array_equal(again.confirmed(NAME), TAKEN)
    journal = again.journal({NAME: LABELS}, FACTS_OF, {NAME: Confirmed.of(TAKEN)})
    assert journal.path.stat().st_size < 1000  # it begins with the files
    box = (slice(0, 30), slice(0, 40))
    now = np.zeros((30, 40), bool)
    now[5:9] = True
    journal.stroke(NAME, box, np.full((30, 40), 2, np.uint8), now)
    journal.flush()
    expected = TAKEN.copy()
    expected[box] = now
    again = Project.open(project.folder)
    np.testing.assert_array_equal(again.confirmed(NAME), expected)
    second = again.journal({NAME: LABELS}, FACTS_OF, {NAME: Confirmed.of(expected)})
    second.flush()  # killed again, unsaved
    again = Project.open(project.folder)
    np.testing.assert_array_equal(again.confirmed(NAME), expected)
    again.save(again.images, [(CELLS, LABELS)], {NAME: Confirmed(LABELS.shape)})
    assert not tifffile.imread(path).any()  # none is any more
    again.journal({NAME: LABELS}, FACTS_OF).close()
    assert Project.open(project.folder).confirmed(NAME) is None
    (project.folder / "strokes.journal").unlink()
    assert not Project.open(project.folder).confirmed(NAME).any()


def test_a_kill_between_saving_and_the_new_journal_keeps_what_was_confirmed(project):
    journal = project.journal({NAME: LABELS}, FACTS_OF)
    taken = np.zeros(LABELS.shape, bool)
    for value in (1, 2, 1):
        box = (slice(value, value + 20), slice(10, 30))
        taken[box] = np.arange(20) % 2 == value % 2
        journal.stroke(NAME, box, np.full((20, 20), value, np.uint8), taken[box])
    journal.flush()
    project.save(project.images, [(CELLS, LABELS)], {NAME: Confirmed.of(taken)})
    np.testing.assert_array_equal(Project.open(project.folder).confirmed(NAME), taken)


def test_a_damaged_journal_is_put_aside(project):
    journal = project.journal({"cells annotation": LABELS}, FACTS_OF)
    journal.stroke("cells annotation", (slice(0, 1), slice(0, 2)), np.ones((1, 2), np.uint8))
    journal.flush()
    with journal.path.open("ab") as file:
        file.write(b"torn")
    torn = journal.path.read_bytes()
    again = Project.open(project.folder)
    assert again.strokes.torn == 4
    again.journal({"cells annotation": again.labels("cells annotation")}, FACTS_OF)
    assert (project.folder / "strokes-damaged.journal").read_bytes() == torn
    assert Project.open(project.folder).strokes.torn == 0


def test_it_belongs_to_one_program_at_a_time(project):
    code = f"""
import numpy as np, sys
from napari_unet.workflows.project_folder import Project
project = Project.open({str(project.folder)!r})
journal = project.journal({{}}, {{}})
print("open", flush=True)
sys.stdin.readline()
journal.close()
print("closed", flush=True)
sys.stdin.readline()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "open\n"
    with pytest.raises(ValueError, match=f"open in another program .process {other.pid}"):
        Project.open(project.folder)
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "closed\n"
    Project.open(project.folder)
    other.communicate("\n")


def test_nothing_is_taken_over(tmp_path, project):
    with pytest.raises(FileExistsError, match="exists already"):
        Project.create(project.folder)
    (project.folder / "annotations" / "new.tif").write_text("somebody's own")
    kept = KeptAnnotation("new", "cells", "YX")
    project.save(project.images, [(CELLS, LABELS), (kept, LABELS)])
    assert [one.file for one in project.annotations][1] == "annotations/new-2.tif"
    assert (project.folder / "annotations" / "new.tif").read_text() == "somebody's own"
    with pytest.raises(FileNotFoundError, match="is no project"):
        Project.open(tmp_path / "none.unet")


def test_a_file_of_another_folder_is_never_written(project):
    said = json.loads((project.folder / FACTS).read_text())
    said["annotations"][0]["file"] = "annotations/../../cells.tif"
    (project.folder / FACTS).write_text(json.dumps(said))
    with pytest.raises(ValueError, match="is not in annotations"):
        Project.open(project.folder)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_damaged_facts_are_refused_in_words_or_read(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.getbasetemp() / "damaged.unet"
    folder.mkdir(exist_ok=True)
    whole = json.dumps({
        "format": 1, "images": [{"name": "a", "file": "a.tif", "axes": "YX"}],
        "annotations": [{"name": "b", "image": "a", "axes": "YX", "file": "annotations/b.tif",
                         "zero": "unlabelled", "ids": "classes", "classes": [], "role": "train"}],
    }).encode()  # fmt: skip
    place = int(rng.integers(len(whole)))
    cut = whole[: place + int(rng.integers(2)) * 3] + rng.bytes(int(rng.integers(2)))
    (folder / FACTS).write_bytes(cut + (whole[place + 1 :] if rng.integers(2) else b""))
    told = "cannot be read as a project"
    try:
        Project.open(folder)
    except ValueError as error:
        told = str(error)
    assert "cannot be read as a project" in told


def test_the_signature_knows_its_image():
    volume = np.zeros((3, 300, 400), np.uint16)
    seen = {signature(volume), signature(volume[:2]), signature(volume.astype(np.uint8))}
    for place in ((0, 0, 0), (2, 299, 399), (1, 150, 200), (1, 150, 399)):
        other = volume.copy()
        other[place] = 1
        seen.add(signature(other))
    assert len(seen) == 7
    assert signature(volume) == signature(volume.copy())
