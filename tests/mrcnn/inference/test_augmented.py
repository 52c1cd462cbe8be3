"""AugmentedPredictor: one view changes nothing, and views agree where they must."""

import numpy as np
import pytest

from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.views import ONE_VIEW, View

# Sizes whose borders on the canvas of 64 x 64 are equal on both sides.
PHOTOS = [
    np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
    for i, size in enumerate([(70, 50), (64, 64), (33, 120)])
]
FIELDS = ("rois", "boxes", "class_ids", "scores", "mask_probabilities")


def augmented(predictor, *views, **options):
    return AugmentedPredictor(predictor.detector, predictor.config, views=views, **options)


def assert_close(one, other):
    assert one.keys() == other.keys() and one["image_hw"] == other["image_hw"]
    order, its = (np.lexsort((*r["boxes"].T, r["class_ids"])) for r in (one, other))
    for name in ("boxes", "class_ids", "scores", "mask_probabilities"):
        assert one[name].dtype == other[name].dtype
        np.testing.assert_allclose(one[name][order], other[name][its], rtol=2e-3, atol=2e-3)


@pytest.mark.slow
def test_the_unchanged_view_alone_equals_a_predictor_to_the_bit(predictor):
    for one, other in zip(augmented(predictor, *ONE_VIEW)(PHOTOS), predictor(PHOTOS), strict=True):
        assert one.keys() == other.keys() and len(one["scores"])
        for name in FIELDS:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.slow
def test_a_view_that_is_seen_twice_changes_nothing_and_no_pyramid_is_computed_again(predictor):
    run = augmented(predictor, View(), View(), weights=[1, 3])
    run._features = None
    for one, other in zip(run(PHOTOS), predictor(PHOTOS), strict=True):
        assert_close(one, other)


@pytest.mark.slow
def test_the_mirror_view_of_an_image_is_the_plain_view_of_its_mirror_image(predictor):
    mirrored = predictor([photo[:, ::-1] for photo in PHOTOS])
    for one, other in zip(augmented(predictor, View(mirror=True))(PHOTOS), mirrored, strict=True):
        width = other["image_hw"][1]
        other = other | {
            "boxes": View(mirror=True).boxes(other["boxes"], width),
            "mask_probabilities": other["mask_probabilities"][..., ::-1],
        }
        assert len(one["scores"]) > 0
        assert_close(one, other)


@pytest.mark.slow
def test_views_of_two_sizes_are_fused_in_the_pixels_of_the_image(predictor):
    run = augmented(predictor, View(), View(True, 1.5), fusion=FusionSettings("nms"))
    results = run(PHOTOS)
    for photo, result in zip(PHOTOS, results, strict=True):
        assert result["image_hw"] == photo.shape[:2] and len(result["scores"])
        assert (np.diff(result["scores"]) <= 0).all()
        assert (result["boxes"] >= 0).all()
        assert (result["boxes"][:, 2:] <= photo.shape[:2]).all()


def test_weights_for_another_number_of_views_are_told(predictor):
    with pytest.raises(ValueError, match="2 views"):
        augmented(predictor, View(), View(True), weights=[1])
