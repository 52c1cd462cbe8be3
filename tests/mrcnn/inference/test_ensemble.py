"""EnsemblePredictor: copies of a detector change nothing; members may differ in all."""

import numpy as np
import pytest

from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.combination import Labels, Rules
from mrcnn.inference.ensemble import EnsemblePredictor, Member
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.tiles import Tiling
from mrcnn.inference.views import View

PHOTOS = [
    np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
    for i, size in enumerate([(70, 50), (64, 64), (33, 120)])
]
FIELDS = ("boxes", "scores", "mask_probabilities")


@pytest.fixture(scope="module")
def other(plain_config):
    """A detector of other weights, input size and classes: our 2 is its 1."""
    import keras

    from mrcnn.modeling.build import build_detector

    keras.utils.set_random_seed(1)
    config = plain_config(NUM_CLASSES=2, IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128)
    return AugmentedPredictor(build_detector(config), config)


def member(predictor, weight=1.0, **options):
    made = AugmentedPredictor(predictor.detector, predictor.config, **options)
    return Member(made, weight)


def ensemble(*members, **rules):
    rules = Rules(10, 0.0, FusionSettings("nms", 0.999), **rules)
    return EnsemblePredictor(members, rules, num_classes=3, batch_size=2)


def assert_close(one, other):
    assert one.keys() == other.keys() and len(one["scores"]) == len(other["scores"]) > 0
    order, its = (np.lexsort((*r["boxes"].T, r["class_ids"])) for r in (one, other))
    for name in FIELDS:
        np.testing.assert_allclose(one[name][order], other[name][its], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_two_copies_of_a_detector_find_and_describe_as_it_does(predictor):
    both = ensemble(member(predictor), member(predictor, weight=3.0))
    assert both.batch_size == 2
    results = both(PHOTOS)
    for one, alone in zip(results, predictor(PHOTOS), strict=True):
        assert_close(one, alone)
    boxes = [result["boxes"] for result in results]
    ids = [result["class_ids"] for result in results]
    ours = both.describe(PHOTOS, boxes, ids)
    for one, alone in zip(ours, predictor.describe(PHOTOS, boxes, ids), strict=True):
        assert (one["scores"] == 1).all()
        assert_close(one, alone)


@pytest.mark.slow
def test_a_member_of_another_size_and_label_list_joins_by_class(predictor, other, uncompiled):
    labels = Labels(np.array([0, 0, 1]))
    both = ensemble(member(predictor), Member(other, 2.0, labels))
    (found,), (theirs,) = both(PHOTOS[:1]), other(PHOTOS[:1])
    assert set(found["class_ids"]) == {1, 2}
    # Every box of its only class is there, with our class id.
    ours = found["boxes"][found["class_ids"] == 2]
    distances = np.abs(ours[:, None] - theirs["boxes"][:3]).max(axis=-1)
    assert distances.min(axis=0).max() < 1e-2
    assert found["mask_probabilities"].shape[1:] == (28, 28)


@pytest.mark.slow
def test_tiles_are_a_view_like_others(predictor, uncompiled):
    options = {"views": (View(), View(mirror=True)), "tiles": Tiling(grid=(2, 2))}
    tiled = member(predictor, **options).predictor
    wide = np.concatenate([PHOTOS[0], PHOTOS[1][:70, ::-1][:64].repeat(2, 0)[:70]], axis=1)
    for photo in (wide, PHOTOS[2]):
        (found,) = tiled([photo])
        assert found["image_hw"] == photo.shape[:2] and len(found["scores"])
        assert (found["boxes"] >= 0).all() and (found["boxes"][:, 2:] <= photo.shape[:2]).all()
        assert 0 < found["mask_probabilities"].min() <= found["mask_probabilities"].max() < 1


@pytest.mark.slow
def test_a_window_describes_what_it_shows_as_an_image_of_its_own(predictor, uncompiled):
    """The description of a box in a window equals that of the crop."""
    photo = np.random.default_rng(9).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    tiling = Tiling(grid=(1, 2))
    tiled = member(predictor, tiles=tiling).predictor
    view = tiled.in_views([tiled.shown(photo)])[0]
    window = tiling.windows((128, 128))[0]
    assert window.tolist() == [0, 0, 128, 74]
    boxes, ids = np.array([[20.0, 10, 60, 40], [5, 20, 100, 110]], np.float32), np.array([1, 2])
    (fields,) = view.describe([boxes], [ids])
    (crop,) = predictor.describe([photo[:, :74]], [boxes[:1]], [ids[:1]])
    (whole,) = predictor.describe([photo], [boxes[1:]], [ids[1:]])
    for i, expected in enumerate((crop, whole)):
        np.testing.assert_allclose(
            fields["mask_probabilities"][i], expected["mask_probabilities"][0], atol=1e-4
        )


def test_an_ensemble_without_detectors_or_with_weights_of_zero_is_refused(predictor):
    with pytest.raises(ValueError, match="needs a detector"):
        ensemble()
    with pytest.raises(ValueError, match="above 0"):
        ensemble(member(predictor, weight=0.0))
