"""A store keeps what was written of each tile; a tile that does not read the same is done again."""

import json
import zlib

import numpy as np
import pytest

from napari_unet.core.files.lock import unlock
from napari_unet.core.segmentation.tile_store import (
    FORMAT,
    JOURNAL,
    LOCK,
    DiskStore,
    LabelStore,
    Layout,
    all_moved,
    lock_store,
    prior,
)
from napari_unet.core.segmentation.tiling import Tile

SHAPE = (40, 50)


def tile(*edges):
    place = tuple(slice(*pair) for pair in edges)
    return Tile(place, place)


TILES = [tile((y, y + 20), (x, x + 25)) for y in (0, 20) for x in (0, 25)]


def scores_of(part, classes=3):
    rng = np.random.default_rng(part.write[0].start * 100 + part.write[1].start)
    raised = np.exp(2 * rng.normal(size=(classes, *part.shape)))
    return (raised / raised.sum(0)).astype(np.float32)


@pytest.fixture(params=["memory", "disk", "disk without scores"])
def make(request, tmp_path):
    """Return a function that makes an empty store for the four tiles."""
    classes = 0 if "without" in request.param else 3

    def made():
        if request.param == "memory":
            return LabelStore.in_memory(SHAPE, classes, 0.5)
        layout = Layout.of(SHAPE, "YX", classes, TILES, 2)
        return DiskStore.create(tmp_path, layout, 0.5, {"format": FORMAT})

    return made


def test_what_is_written_is_read(make):
    store = make()
    for part in TILES[:3]:
        store.note(store.write(part, scores_of(part)))
    assert store.missing(TILES) == [TILES[3]]
    for part in TILES[:3]:
        scores = scores_of(part)
        np.testing.assert_array_equal(store.labels[part.write], scores.argmax(0))
        if store.scores is not None:
            np.testing.assert_array_equal(store.scores[(slice(None), *part.write)], scores)
    scratch = store.scratch("objects")
    assert (scratch.shape, scratch.dtype) == (SHAPE, np.int32)
    assert store.holds("labels")


def test_the_checksum_is_that_of_labels_and_scores():
    store, part = LabelStore.in_memory(SHAPE, 3, 0.5), TILES[1]
    scores = scores_of(part)
    note = store.write(part, scores)
    assert note.bounds == ((0, 20), (25, 50))
    assert note.checksum == zlib.crc32(
        scores.argmax(0).astype(np.uint8).tobytes() + scores.tobytes()
    )


@pytest.fixture
def written(tmp_path):
    """Return a folder in which three of four tiles are written, as a killed run leaves it."""
    store = DiskStore.create(tmp_path, Layout.of(SHAPE, "YX", 3, TILES, 2), 0.5, {})
    for part in TILES[:3]:
        store.note(store.write(part, scores_of(part)))
    return tmp_path


def test_a_run_goes_on_where_it_was_cut_short(written):
    assert DiskStore.resume(written, 0.5).missing(TILES) == [TILES[3]]


@pytest.mark.parametrize("what", ["labels", "scores"])
def test_a_tile_that_reads_otherwise_is_done_again(written, what):
    store = DiskStore(written, 0.5)
    if what == "labels":
        store.labels[3, 30] = 7
    else:
        store.scores[(slice(None), slice(3, 4), slice(30, 31))] = np.full((3, 1, 1), 0.123)
    assert DiskStore.resume(written, 0.5).missing(TILES) == [TILES[1], TILES[3]]


@pytest.mark.parametrize("line", ["", "[[[0, 20], [0,", "[1, 2]", '{"a": 1}', "[[[0, 20]], null]"])
def test_a_line_that_is_cut_short_is_no_tile(written, line):
    with (written / JOURNAL).open("a", encoding="ascii") as file:
        file.write(line)
    assert DiskStore.resume(written, 0.5).missing(TILES) == [TILES[3]]


def test_once_results_take_their_names_the_journal_alone_counts(written):
    DiskStore(written, 0.5).finish()
    store = DiskStore.resume(written, 0.5)
    assert store.finishing
    store.labels[3, 30] = 7
    assert DiskStore.resume(written, 0.5).missing(TILES) == [TILES[3]]
    assert not all_moved(written)
    (written / "labels.zarr").rename(written / "moved")
    assert all_moved(written)


def test_a_new_run_begins_empty_and_keeps_its_lock(written):
    lock_store(written)
    store = DiskStore.create(written, Layout.of(SHAPE, "YX", 0, TILES, 2), 0.5, {})
    assert store.missing(TILES) == TILES
    assert not np.asarray(store.labels[:]).any()
    assert sorted(path.name for path in written.iterdir()) == ["labels.zarr", LOCK, "run.json"]
    store.remove()
    assert not written.exists()


def test_no_two_tiles_share_a_chunk_where_their_places_allow_it(tmp_path):
    large = [tile((y, y + 96), (x, x + 640)) for y in (0, 96) for x in (0, 640)]
    layout = Layout.of((192, 1280), "YX", 0, large, 2)
    assert layout.chunks == (96, 320)  # divisors of the starts, at most 512 px
    assert DiskStore.create(tmp_path, layout, 0.5, {}).separates(large)
    odd = [tile((0, 1031), (0, 7)), tile((1031, 1040), (0, 7))]  # 1031 is prime
    layout = Layout.of((1040, 7), "YX", 0, odd, 2)
    assert layout.chunks == (512, 7)
    assert not DiskStore.create(tmp_path, layout, 0.5, {}).separates(odd)


def test_time_comes_before_the_channels_on_disk_and_after_them_here(tmp_path):
    place = (slice(1, 2), slice(0, 20), slice(0, 25))
    part = Tile(place, place)
    store = DiskStore.create(tmp_path, Layout.of((2, *SHAPE), "TYX", 3, [part], 2), 0.5, {})
    scores = scores_of(part)
    store.write(part, scores)
    np.testing.assert_array_equal(store.scores[(slice(None), *place)], scores)
    assert (tmp_path / "scores.zarr" / "0" / "zarr.json").exists()


def test_one_run_at_a_time(tmp_path, other_process):
    folder = tmp_path / "run"
    lock_store(folder)
    lock_store(folder)  # by this process once more
    unlock(folder / LOCK)
    with (
        other_process(folder / LOCK) as holder,
        pytest.raises(ValueError, match=f"is being written by {holder}: wait until it is done"),
    ):
        lock_store(folder)
    lock_store(folder)  # the other process was killed
    unlock(folder / LOCK)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ("", "it is damaged or of another version"),
        ("[]", "it is damaged or of another version"),
        ({"format": FORMAT + 1}, "it is damaged or of another version"),
        ({"format": FORMAT}, "it differs in image and network"),
        ({"format": FORMAT, "identity": {"image": 1, "network": 3}}, "it differs in network"),
    ],
)
def test_another_run_is_told_from_this_one(tmp_path, facts, why):
    assert prior(tmp_path, {"image": 1, "network": 2}) == (None, "")
    text = facts if isinstance(facts, str) else json.dumps(facts)
    (tmp_path / "run.json").write_text(text)
    assert prior(tmp_path, {"image": 1, "network": 2}) == (None, why)


def test_the_same_run_gets_its_facts_back(tmp_path):
    facts = {"format": FORMAT, "identity": {"image": 1}, "note": "mine"}
    DiskStore.create(tmp_path, Layout.of(SHAPE, "YX", 0, TILES, 2), 0.5, facts)
    assert prior(tmp_path, {"image": 1}) == (facts, "")
