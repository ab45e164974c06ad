import numpy as np
import pytest

from napari_unet import Teacher, load_network, save_network
from napari_unet.core.teaching.saved_teaching import NETWORK, name_of


def test_a_session_goes_on_where_it_was_left(picture, tools, tmp_path):
    image, truth = picture
    teacher = Teacher(image, seed=1, project=tmp_path / "project")
    for seed in range(4):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    teacher.paint((slice(0, 3), slice(0, 9)), np.ones((3, 9), np.uint8), confirmed=True)
    list(teacher.learn(steps=40))
    teacher.save()
    again = Teacher(image, project=tmp_path / "project")
    whole = (slice(0, image.shape[0]), slice(0, image.shape[1]))
    np.testing.assert_array_equal(teacher.predict(whole)[1], again.predict(whole)[1])
    kept = [(s.kind, s.confirmed, s.pixels.tolist()) for s in again.strokes]
    assert kept == [(s.kind, s.confirmed, s.pixels.tolist()) for s in teacher.strokes]
    assert again.settled, "nothing was painted since"
    again.paint(*tools.stroke(truth, 1, 60))
    assert any(p.new for p in again.learn(steps=60))


def test_the_next_image_takes_the_network_but_not_the_strokes(picture, tools, tmp_path):
    image, truth = picture
    teacher = Teacher(image, project=tmp_path)
    for seed in range(2):
        teacher.paint(*tools.stroke(truth, seed, seed))
    list(teacher.learn(steps=60))
    teacher.save()
    other, there = tools.discs(9)
    following = Teacher(other, project=tmp_path)
    assert not following.strokes
    assert following.shown.by == "nano"
    labels, _ = following.predict((slice(0, 160), slice(0, 200)))
    assert ((labels == 1) & there).sum() / ((labels == 1) | there).sum() > 0.5
    following.save()
    assert len(list(tmp_path.glob("strokes-*.npz"))) == 2
    assert len(Teacher(image, project=tmp_path).strokes) == 2


def test_a_taught_network_is_a_network_like_any_other(taught, picture, tmp_path):
    from napari_unet import segment

    image, _ = picture
    network = taught.network(pixel_size={"Y": 0.5, "X": 0.5})
    save_network(network, tmp_path / "taught.safetensors")
    loaded = load_network(tmp_path / "taught.safetensors")
    found = segment(image, loaded, precision="float32").labels
    whole = (slice(0, 160), slice(0, 200))
    taught.adopt(network)  # what is previewed then has no glance beside it
    labels, _ = taught.predict(whole)
    assert (found != labels).mean() < 1e-3
    assert loaded.about["pixel_size"] == {"Y": 0.5, "X": 0.5}
    assert loaded.about["history"][-1]["strokes"] == 4


@pytest.mark.parametrize("damage", [b"", b"not an archive", None])
def test_damaged_strokes_are_said_to_be_damaged(picture, tools, tmp_path, damage):
    image, truth = picture
    teacher = Teacher(image, project=tmp_path)
    teacher.paint(*tools.stroke(truth, 0, 0))
    teacher.save()
    path = tmp_path / name_of(teacher._picture)
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    with pytest.raises(ValueError, match="damaged"):
        Teacher(image, project=tmp_path)
    assert not (tmp_path / NETWORK).exists()


def test_a_folder_of_a_later_format_is_refused(picture, tmp_path):
    (tmp_path / "teaching.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 1"):
        Teacher(picture[0], project=tmp_path)


def test_saving_needs_a_place(taught):
    with pytest.raises(ValueError, match="project="):
        taught.save()
