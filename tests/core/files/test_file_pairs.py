import pytest

from napari_unet.core.files.file_pairs import FilePair, pair_files


@pytest.fixture
def folders(tmp_path):
    def make(first, second):
        for folder, names in (("a", first), ("b", second)):
            (tmp_path / folder).mkdir()
            for name in names:
                path = tmp_path / folder / name
                path.mkdir() if name.endswith(".zarr") else path.write_bytes(b"")
        return tmp_path / "a", tmp_path / "b"

    return make


def names(pairs):
    return [(pair.name, pair.first.name, pair.second.name) for pair in pairs]


def test_equal_names_pair_whatever_their_kind(folders):
    first, second = folders(
        ["2.tif", "1.tif", "3.ome.zarr", "notes.txt"], ["1.png", "2.tif", "3.ome.tif"]
    )
    pairs, alone = pair_files(first, second)
    assert names(pairs) == [
        ("1", "1.tif", "1.png"),
        ("2", "2.tif", "2.tif"),
        ("3", "3.ome.zarr", "3.ome.tif"),
    ]
    assert alone == []
    assert isinstance(pairs[0], FilePair)


@pytest.mark.parametrize(
    "name",
    [
        "x_labels.tif",
        "x_mask.png",
        "x_seg.tif",
        "x-MASKS.tif",
        "x_cp_masks.png",
        "x_img_label.tif",
        "x.labels.tif",
    ],
)
def test_usual_endings_do_not_keep_a_pair_apart(folders, name):
    pairs, alone = pair_files(*folders(["x.tif"], [name]))
    assert names(pairs) == [("x", "x.tif", name)]
    assert not alone


def test_both_sides_may_have_endings(folders):
    pairs, _ = pair_files(*folders(["x_truth.tif"], ["x_result.tif"]))
    assert names(pairs) == [("x", "x_truth.tif", "x_result.tif")]


def test_an_equal_name_goes_before_one_with_an_ending(folders):
    """x and x_mask are two images here; x_mask must not be paired twice."""
    pairs, alone = pair_files(*folders(["x.tif", "x_mask.tif"], ["x.tif", "x_mask.tif"]))
    assert names(pairs) == [("x", "x.tif", "x.tif"), ("x_mask", "x_mask.tif", "x_mask.tif")]
    assert not alone


def test_what_stays_alone_is_told(folders):
    first, second = folders(["1.tif", "2.tif"], ["1.tif", *(f"t{i}.tif" for i in range(7))])
    pairs, alone = pair_files(first, second)
    assert names(pairs) == [("1", "1.tif", "1.tif")]
    assert alone == [
        f"2.tif in {first} has no counterpart in {second}.",
        f"t0.tif, t1.tif, t2.tif, t3.tif, t4.tif and 2 more in {second} "
        f"have no counterpart in {first}.",
    ]


def test_a_shared_name_is_not_guessed_at(folders):
    first, second = folders(["1.tif", "2.tif"], ["1.tif", "1.png", "2_mask.tif", "2_seg.tif"])
    with pytest.raises(ValueError, match=r"no file of .* pairs") as error:
        pair_files(first, second)
    assert "1.png, 1.tif in" in str(error.value)
    assert "2_mask.tif, 2_seg.tif in" in str(error.value)


def test_an_ending_alone_is_a_name(folders):
    pairs, _ = pair_files(*folders(["labels.tif"], ["labels.tif"]))
    assert names(pairs) == [("labels", "labels.tif", "labels.tif")]


def test_two_files_pair_by_being_given(tmp_path):
    for name in ("one.tif", "other.png"):
        (tmp_path / name).write_bytes(b"")
    pairs, alone = pair_files(tmp_path / "one.tif", tmp_path / "other.png")
    assert names(pairs) == [("one", "one.tif", "other.png")]
    assert not alone


def test_a_zarr_store_is_one_image(tmp_path):
    (tmp_path / "one.zarr").mkdir()
    (tmp_path / "other.tif").write_bytes(b"")
    assert names(pair_files(tmp_path / "one.zarr", tmp_path / "other.tif")[0]) == [
        ("one", "one.zarr", "other.tif")
    ]


def test_what_cannot_pair_is_an_error(folders, tmp_path):
    first, second = folders(["1.tif"], ["2.tif"])
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        pair_files(first, tmp_path / "gone")
    with pytest.raises(ValueError, match="give two files or two folders"):
        pair_files(first, second / "2.tif")
    with pytest.raises(ValueError, match="given twice"):
        pair_files(first, first)
    with pytest.raises(ValueError, match=r"1\.tif in .* has no counterpart"):
        pair_files(first, second)


def test_a_preferred_ending_settles_who_is_meant(folders):
    """What segment writes for one image: its labels, objects and scores."""
    made = [f"{n}_{what}.tif" for n in "12" for what in ("labels", "objects", "scores")]
    first, second = folders(["1.tif", "2.tif"], made[:-2])
    pairs, alone = pair_files(first, second, prefer=("objects", "labels"))
    assert names(pairs) == [("1", "1.tif", "1_objects.tif"), ("2", "2.tif", "2_labels.tif")]
    assert alone == ["1_labels.tif, 1_scores.tif stayed out: a file of the same name is used."]
    pairs, alone = pair_files(first, second, prefer=("masks",))
    assert names(pairs) == [("2", "2.tif", "2_labels.tif")]
    assert "share the name 1: none of them was paired." in alone[0]
