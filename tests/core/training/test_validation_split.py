"""What is held back to validate on: never lost to the training as a class, never next to it."""

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.training.validation_split import hold_back, reach

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
