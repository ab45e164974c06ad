"""What is held back to validate on: never lost to the training as a class, never next to it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.validation_split import (
    hold_back,
    reach,
    split_by_blocks,
    split_by_image,
)

DEPTH = 1


def annotation(seed, edge=120, classes=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, classes + 1, (edge, edge)).astype(np.uint8)
    return Annotation(rng.random((edge, edge)), labels)


def test_of_few_images_a_block_of_the_one_with_most_labels():
    small, large = annotation(0, 60), annotation(1, 120)
    found = hold_back([small, large], DEPTH, 2)
    assert found.train[0] is small
    assert (found.train_places, found.validation_places) == ((0, 1), (1,))
    (held,) = found.validation
    kept = np.argwhere(found.train[1].classes != UNLABELLED)
    aside = np.argwhere(held.classes != UNLABELLED)
    assert 0.14 <= len(aside) / large.classes.size <= 0.17
    gaps = [max(a.min() - k.max(), k.min() - a.max()) for k, a in zip(kept.T, aside.T, strict=True)]
    assert max(gaps) > reach(DEPTH)
    assert np.unique(found.train[1].classes[found.train[1].classes != UNLABELLED]).size == 3
    assert f"{reach(DEPTH)} px" in found.said


def test_of_many_images_whole_ones():
    images = [annotation(seed, 40) for seed in range(6)]
    found = hold_back(images, DEPTH, 2)
    assert sorted(found.train_places + found.validation_places) == list(range(6))
    assert found.said == "1 of 6 images are held back to validate on."
    assert all(a is images[p] for a, p in zip(found.train, found.train_places, strict=True))


def test_nothing_where_too_little_would_be_left():
    tiny = annotation(0, 10)
    found = hold_back([tiny], DEPTH, 2)
    assert found.train == (tiny,)
    assert found.validation == ()
    assert "nothing is validated on" in found.said


def test_a_share_that_is_asked_for_is_held_back_or_refused():
    found = hold_back([annotation(1, 120)], DEPTH, 2, share=0.3)
    held = np.count_nonzero(~found.validation[0].unlabelled)
    assert 0.29 <= held / 120**2 <= 0.32
    none = hold_back([annotation(1, 120)], DEPTH, 2, share=0)
    assert none.validation == ()
    with pytest.raises(ValueError, match="too small to be split"):
        hold_back([annotation(0, 10)], DEPTH, 2, share=0.2)


def test_nothing_where_a_class_would_be_lost():
    labels = np.ones((200, 200), np.uint8)
    labels[:20, :20], labels[-20:, -20:] = 2, 2
    labels[60:140, 60:140] = 3
    whole = Annotation(np.zeros((200, 200)), labels)
    found = hold_back([whole], DEPTH, 2)
    left = np.unique(np.concatenate([a.classes.ravel() for a in found.train]))
    assert {0, 1, 2} <= set(left.tolist())


def labelled(annotation):
    return annotation.classes != UNLABELLED


@given(st.integers(0, 10**6), st.integers(30, 90), st.integers(30, 90), st.integers(2, 8))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_blocks_are_apart_by_the_guard_and_keep_their_labels(seed, height, width, guard):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (height, width)) * (rng.random((height, width)) < 0.3)
    whole = Annotation(np.zeros(labels.shape), labels)
    train, val = split_by_blocks(whole, guard, 0.2)
    for part in (train, val):
        known = labelled(part)
        assert np.array_equal(part.classes[known], whole.classes[known])
        assert part.image is whole.image or np.shares_memory(part.image, whole.image)
    apart = distance_transform_cdt(~labelled(val), "chessboard")[labelled(train)]
    assert apart.min() > guard
    share = labelled(val).sum() / labelled(whole).sum()
    assert 0.2 <= share < 0.2 + 2 / min(height, width) + 0.05


def test_objects_stay_objects():
    labels = np.ones((60, 60), int)
    for number, row in enumerate(range(2, 56, 6), start=2):
        labels[row : row + 4, 5:50] = number
    labels[:, 55:] = 0
    whole = Annotation(np.zeros(labels.shape), labels, ids="objects")
    for part in split_by_blocks(whole, 4, 0.3):
        known = labelled(part)
        assert np.array_equal(part.objects[known] > 0, whole.objects[known] > 0)
        pairs = set(zip(part.objects[known], whole.objects[known], strict=True))
        assert len(pairs) == len({theirs for _, theirs in pairs})
        assert (part.classes[:, 55:] == UNLABELLED).all()


def test_both_sides_get_every_class_where_it_can_be_had():
    labels = np.ones((80, 80), int)
    labels[:, 3:6] = 2  # along the left edge: only cuts across it leave some on both sides
    for part in split_by_blocks(Annotation(np.zeros(labels.shape), labels), 8, 0.2):
        assert set(np.unique(part.classes)) == {0, 1, UNLABELLED}


def test_planes_of_a_stack_are_set_aside_whole_with_one_between():
    labels = np.random.default_rng(0).integers(1, 3, (10, 40, 40))
    train, val = split_by_blocks(Annotation(np.zeros(labels.shape), labels, axes="ZYX"), 16, 0.2)
    planes = [labelled(part).any(axis=(1, 2)).sum() for part in (train, val)]
    assert planes == [7, 2]
    train, val = split_by_blocks(
        Annotation(np.zeros((40, 40, 40)), np.resize(labels, (40, 40, 40)), axes="ZYX"), 16, 0.2, 3
    )
    apart = distance_transform_cdt(~labelled(val), "chessboard")[labelled(train)]
    assert apart.min() == 17


def test_what_is_too_small_to_be_split_is_refused():
    labels = np.random.default_rng(0).integers(1, 3, (50, 90))
    with pytest.raises(ValueError, match="guard of 92 px"):
        split_by_blocks(Annotation(np.zeros(labels.shape), labels), 92, 0.2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_by_blocks(Annotation(np.zeros(labels.shape), labels), 4, 1.0)


def test_images_are_set_aside_whole():
    rng = np.random.default_rng(0)
    annotations = [Annotation(np.zeros((20, 20)), rng.integers(1, 3, (20, 20))) for _ in range(10)]
    train, val = split_by_image(annotations, 0.2)
    assert sorted(train + val) == list(range(10))
    assert len(val) == 2
    assert split_by_image(annotations, 0.2) == (train, val)
    assert split_by_image(annotations, 0.2, seed=1) != (train, val)
    assert len(split_by_image(annotations, 0.99)[0]) == 1


def test_no_class_is_taken_from_training():
    plain = np.tile([1, 2], (20, 10))
    annotations = [Annotation(np.zeros((20, 20)), plain) for _ in range(3)]
    rare = plain.copy()
    rare[0, 0] = 3
    annotations.append(Annotation(np.zeros((20, 20)), rare))
    for seed in range(10):
        assert 3 in split_by_image(annotations, 0.3, seed)[0]
    with pytest.raises(ValueError, match="a class that no other has"):
        split_by_image([Annotation(np.zeros((20, 20)), np.full((20, 20), c)) for c in (1, 2)], 0.5)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_reach_is_how_far_a_score_depends_on_the_image(depth):
    """Measured by the gradient, for pixels at every place of the pooling grid."""
    network = UNet(base=2, depth=depth, dropout=0.0).double()
    with torch.no_grad():  # all paths through the network are open
        for name, tensor in network.named_parameters():
            tensor.abs_() if name.endswith("weight") else tensor.fill_(1.0)
    edge, found = network.input_size(2 ** (depth + 1)), 0
    for place in range(2**depth):
        image = torch.rand(1, 1, edge, edge, dtype=torch.float64, requires_grad=True)
        network.train()(image)[0, 0, place, place].backward()
        columns = torch.nonzero(image.grad[0, 0].abs().sum(0)).ravel()
        middle = place + network.border
        found = max(found, int((columns - middle).abs().max()))
    assert found == reach(depth)
