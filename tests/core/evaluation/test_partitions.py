from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information
from skimage.segmentation import watershed

from napari_unet.core.evaluation import rand_error, regions, v_info, v_rand
from napari_unet.core.evaluation.partitions import thin_borders

CASES = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def scenes(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=4))
    labels = hnp.arrays(np.int64, shape, elements=st.integers(0, 3))
    truth, other = draw(labels), draw(labels)
    kept = draw(hnp.arrays(bool, shape))
    result = np.where(kept, truth, other) if draw(st.booleans()) else other
    return truth, result, draw(st.none() | hnp.arrays(bool, shape))


def foreground(truth, result, unlabelled):
    """True and found region of each pixel of the true foreground; border pixels are alone."""
    keep = truth > 0 if unlabelled is None else (truth > 0) & ~unlabelled
    alone = -1 - np.arange(keep.sum())
    return truth[keep], np.where(result[keep] > 0, result[keep], alone)


def pairs(true, found, with_itself):
    """Count ordered pairs of pixels that are together in the truth, in the result, in both."""
    for one in range(len(true)):
        for other in range(len(true)):
            if with_itself or one != other:
                t, r = true[one] == true[other], found[one] == found[other]
                yield t, r, t and r


def brute_f(true, found, with_itself):
    together = np.array(list(pairs(true, found, with_itself)), int).reshape(-1, 3).sum(0)
    return 2 * together[2] / (together[0] + together[1]) if together[:2].sum() else 1.0


def brute_v_info(true, found):
    def entropy(*symbols):
        shares = np.unique(np.stack(symbols), axis=1, return_counts=True)[1] / len(true)
        return -sum(p * log(p) for p in shares)

    both = entropy(true) + entropy(found)
    return 2 * (both - entropy(true, found)) / both if both > 1e-12 else 1.0


@CASES
@given(scenes())
def test_rand_error_counts_pairs(scene):
    truth, result, unlabelled = scene
    own = rand_error(truth, result, unlabelled=unlabelled)
    assert own == pytest.approx(1 - brute_f(*foreground(*scene), with_itself=False), abs=1e-12)


@CASES
@given(scenes())
def test_v_rand_counts_pairs_with_the_pixel_itself(scene):
    truth, result, unlabelled = scene
    own = v_rand(truth, result, unlabelled=unlabelled, thin=False)
    assert own == pytest.approx(brute_f(*foreground(*scene), with_itself=True), abs=1e-12)
    thinned = foreground(truth, thin_borders(result), unlabelled)
    own = v_rand(truth, result, unlabelled=unlabelled)
    assert own == pytest.approx(brute_f(*thinned, with_itself=True), abs=1e-12)


@CASES
@given(scenes())
def test_v_info_is_shared_over_mean_entropy(scene):
    truth, result, unlabelled = scene
    own = v_info(truth, result, unlabelled=unlabelled, thin=False)
    assert own == pytest.approx(brute_v_info(*foreground(*scene)), abs=1e-9)
    thinned = foreground(truth, thin_borders(result), unlabelled)
    own = v_info(truth, result, unlabelled=unlabelled)
    assert own == pytest.approx(brute_v_info(*thinned), abs=1e-9)


def test_the_toy_pair_of_trap_43():
    """scikit-image takes predicted 0 as one region: its figure is another one."""
    truth = np.array([[1, 1, 1, 0, 2, 2, 2]])
    result = np.array([[1, 1, 0, 0, 0, 2, 2]])
    assert v_rand(truth, result, thin=False) == pytest.approx(2 * 10 / (18 + 10))
    assert v_rand(truth, result) == 1  # thinned, only the true border is left
    assert rand_error(truth, result) == pytest.approx(1 - 2 * 4 / (12 + 4))


def random_cells(seed, shape=(60, 70), number=12):
    """A partition with borders: nearest of random points, background where two are as near."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, shape, (number, 2))
    grid = np.stack(np.indices(shape), -1)[:, :, None]
    far = np.sort(np.linalg.norm(grid - points, axis=-1), axis=-1)
    nearest = np.linalg.norm(grid - points, axis=-1).argmin(-1) + 1
    return np.where(far[..., 1] - far[..., 0] > rng.uniform(1, 5), nearest, 0)


@pytest.mark.parametrize("seed", range(10))
def test_against_scikit_image(seed):
    """Where every border pixel gets an id of its own, scikit-image computes the same figures."""
    truth, result = random_cells(seed), random_cells(seed, number=11)
    alone = np.where(result > 0, result, 100 + np.arange(result.size).reshape(result.shape))
    error, _, _ = adapted_rand_error(truth, alone, ignore_labels=(0,))
    assert rand_error(truth, result) == pytest.approx(error, abs=1e-12)
    keep = truth > 0
    lost, gained = variation_of_information(truth[keep], alone[keep]), np.log2(keep.sum())
    shares = np.unique(truth[keep], return_counts=True)[1] / keep.sum()
    entropy = -(shares * np.log2(shares)).sum()
    shared = entropy - lost[1]
    assert gained > entropy
    assert v_info(truth, result, thin=False) == pytest.approx(
        2 * shared / (2 * shared + lost.sum()), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(10))
def test_thinning_gives_each_pixel_to_the_nearest_region(seed):
    """Nearest by steps along edges; a line is as near to two, or a step nearer to one.

    Where three meet, a line can bar the shortest way: one pixel in a hundred may go elsewhere.
    """
    border = random_cells(seed)
    thinned = thin_borders(border)
    steps = [ndimage.distance_transform_cdt(border != i, "taxicab") for i in np.unique(border) if i]
    nearest, second = np.sort(steps, axis=0)[:2]
    grown = (border == 0) & (thinned > 0)
    own = np.array(steps)[
        np.searchsorted(np.unique(border)[1:], thinned[grown]), *np.nonzero(grown)
    ]
    assert (own == nearest[grown]).mean() > 0.99
    assert ((second - nearest)[thinned == 0] <= 1).mean() > 0.99
    assert 0 < (thinned == 0).sum() < (border == 0).sum()


@pytest.mark.parametrize("seed", range(10))
def test_thinning_is_a_watershed(seed):
    """scikit-image's watershed of the plateau draws its lines within two pixels of ours."""
    border = random_cells(seed)
    thinned = thin_borders(border)
    other = watershed((border == 0).astype(float), border, connectivity=1, watershed_line=True)
    for one, two in ((thinned, other), (other, thinned)):
        assert ndimage.distance_transform_cdt(one != 0, "chessboard")[two == 0].max() <= 2
    inside = ndimage.distance_transform_cdt(thinned != 0, "chessboard") > 2
    assert np.array_equal(thinned[inside], other[inside])


@CASES
@given(scenes())
def test_thinning_leaves_only_lines_between_regions(scene):
    _, result, _ = scene
    thinned = thin_borders(result)
    assert np.array_equal(thinned[result > 0], result[result > 0])
    for place in zip(*np.nonzero(result == 0), strict=True):
        beside = {
            int(thinned[(*place[:axis], place[axis] + step, *place[axis + 1 :])])
            for axis in range(result.ndim)
            for step in (-1, 1)
            if 0 <= place[axis] + step < result.shape[axis]
        }
        if thinned[place]:  # what has grown touches no other region
            assert beside <= {0, int(thinned[place])}
        else:  # a line has two regions beside it, or is shut in by lines
            assert len(beside - {0}) >= 2 or beside <= {0}


def test_a_wide_border_costs_nothing_after_thinning():
    truth = np.zeros((30, 61), int)
    truth[:, :30], truth[:, 31:] = 1, 2
    result = truth.copy()
    result[:, 24:37] = 0
    assert v_rand(truth, result, thin=False) < 0.8
    assert v_rand(truth, result) == 1
    assert v_info(truth, result) == 1


def test_a_merge_costs_more_than_a_lost_border():
    truth = np.zeros((30, 61), int)
    truth[:, :30], truth[:, 31:] = 1, 2
    merged = np.ones_like(truth)
    assert v_rand(truth, merged) == pytest.approx(2 * 2 * 900**2 / (2 * 900**2 + 1800**2))
    assert v_info(truth, merged) == 0


def test_regions_meet_at_edges_not_at_corners():
    assert regions(np.eye(3)).max() == 3
    assert regions(np.array([[255, 255, 0], [0, 255, 0]])).tolist() == [[1, 1, 0], [0, 1, 0]]


def test_no_foreground():
    nothing, one = np.zeros((3, 3), int), np.ones((3, 3), int)
    for measure in (v_rand, v_info):
        assert measure(nothing, nothing) == measure(nothing, one) == measure(one, one) == 1
    assert rand_error(nothing, nothing) == rand_error(nothing, one) == rand_error(one, one) == 0
    assert rand_error(one, nothing) == 1
    assert v_rand(one, nothing) == pytest.approx(2 * 9 / (81 + 9))
    assert v_info(one, nothing) == 0


def test_images_pooled_or_each_alike():
    truth = [np.array([[1, 1, 2, 2]]), np.array([[1, 1]])]
    result = [np.array([[1, 1, 1, 1]]), np.array([[3, 3]])]
    pooled = 2 * (8 + 4) / ((8 + 4) + (16 + 4))
    assert v_rand(truth, result) == pytest.approx(pooled)
    assert v_rand(truth, result, per_image=True) == pytest.approx((2 * 8 / (8 + 16) + 1) / 2)
