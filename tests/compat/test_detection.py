"""Detection as scripts use it: any number of photos, and what is done with the arrays that come
back."""

import copy
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import process, utils, visualize
from mrcnn.modeling.live_settings import LiveSettings

NAMES = ["BG", "square", "bar"]


@pytest.fixture(scope="module")
def photos(shapes):
    dataset = shapes(5)
    return [dataset.load_image(i) for i in dataset.image_ids]


@pytest.fixture
def finds_nothing(model, monkeypatch):
    monkeypatch.setattr(
        model.keras_model,
        "settings",
        model.keras_model.settings.replace({"detections.min_confidence": 1.0}),
    )


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_any_number_of_photos_is_taken(model, photos, count):
    assert model.config.BATCH_SIZE == 2
    results = model.detect(photos[:count], verbose=0)
    assert len(results) == count
    for r in results:
        n = r["rois"].shape[0]
        assert (
            n > 0
            and r["rois"].shape == (n, 4)
            and r["scores"].shape == r["class_ids"].shape == (n,)
        )
        assert r["masks"].shape == (70, 50, n) and (r["rois"].dtype, r["class_ids"].dtype) == (
            np.int32,
            np.int32,
        )
        assert (
            r["masks"].dtype == bool
            and r["scores"].dtype == np.float32
            and (np.diff(r["scores"]) <= 0).all()
        )


def test_an_array_of_photos_does_as_well(model, photos):
    assert len(model.detect(np.stack(photos[:3]))) == 3


@pytest.mark.slow
def test_each_photo_gets_its_own_result(model, photos):
    together = model.detect(photos[:3])
    for photo, r in zip(photos, together):
        alone = model.detect([photo])[0]
        np.testing.assert_array_equal(alone["rois"], r["rois"])
        np.testing.assert_allclose(alone["scores"], r["scores"], atol=1e-5)
    assert not np.array_equal(together[0]["scores"], together[1]["scores"])


def test_a_grey_photo_may_be_given_as_rgb(model, photos):
    grey = photos[0].mean(axis=2).astype(np.uint8)
    (r,) = model.detect([np.stack((grey,) * 3, axis=-1)])
    assert r["masks"].shape[:2] == grey.shape


def test_what_is_no_photo_is_refused_by_its_place(model, photos):
    with pytest.raises(
        ValueError,
        match=r"Photo 1 must be .* numbers from 0 to 255. Got float64 \(70, 50, 3\) from 300",
    ):
        model.detect([photos[0], np.full((70, 50, 3), 300.0)])


def evaluated(model, photo):
    """As a tutorial does it that many scripts are made from."""
    return model.detect(np.expand_dims(modellib.mold_image(photo, model.config), 0), verbose=0)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handed_over", "warnings"),
    [
        (evaluated, 1),
        (lambda model, photo: model.detect([photo / 255])[0], 1),
        (lambda model, photo: model.detect([np.expand_dims(photo, 0)])[0], 0),
    ],
    ids=["molded", "fractions", "batch of one"],
)
def test_what_was_a_photo_once_finds_the_same_and_one_warning_says_so(
    model, photos, handed_over, warnings, caplog, monkeypatch
):
    monkeypatch.setattr(model, "_warned", set())
    (wanted,) = model.detect([photos[0]])
    for _ in range(3):
        found = handed_over(model, photos[0])
    np.testing.assert_array_equal(found["rois"], wanted["rois"])
    assert len(found["rois"]) and caplog.text.count("Photo 0 holds") == warnings


@pytest.fixture
def changing(model, monkeypatch):
    """The model with a config of its own, which is left as it was."""
    config = copy.copy(model.config)
    monkeypatch.setattr(model, "config", config)
    monkeypatch.setattr(model, "_predictor", None)
    monkeypatch.setattr(model, "_live_settings", LiveSettings(model.keras_model, config))
    monkeypatch.setattr(model.keras_model, "settings", model.keras_model.settings)
    return model


@pytest.mark.slow
def test_a_threshold_may_move_while_the_model_is_used(changing, photos):
    (everything,) = changing.detect([photos[0]])
    middle = float(np.median(everything["scores"]))
    for least in (middle, 1.0, 0.0):
        changing.config.DETECTION_MIN_CONFIDENCE = least
        (r,) = changing.detect([photos[0]])
        np.testing.assert_array_equal(
            r["scores"], everything["scores"][everything["scores"] >= least]
        )
        assert len(r["rois"]) == len(r["class_ids"]) == r["masks"].shape[-1] == len(r["scores"])


@pytest.mark.parametrize("most", [2, 15])
def test_so_many_detections_are_shown_as_are_asked_for_at_last(changing, photos, most):
    changing.config.DETECTION_MAX_INSTANCES, changing.config.DETECTION_NMS_THRESHOLD = most, 1.0
    assert len(changing.detect([photos[0]])[0]["scores"]) == most


def test_what_the_network_is_built_by_may_not_move(changing, photos):
    changing.config.NUM_CLASSES = 5
    with pytest.raises(ValueError, match="NUM_CLASSES was changed from 3 to 5"):
        changing.detect([photos[0]])


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("ROI", r'trace\(images\).*"rpn_rois"'),
        ("mrcnn_detection", '"detections"'),
        ("mrcnn_mask_loss", "history"),
        ("no_such", "get_trainable_layers"),
    ],
)
def test_a_layer_that_is_gone_is_told_with_what_took_its_place(model, name, help):
    with pytest.raises(ValueError, match=f"There is no layer '{name}'.*{help}"):
        model.keras_model.get_layer(name)


def test_layers_with_weights_are_found_by_their_names(model):
    assert model.keras_model.get_layer("mrcnn_class_logits").name == "mrcnn_class_logits"
    assert model.keras_model.get_layer("mask_head") is model.keras_model.heads[1]


def test_the_list_of_inputs_of_old_is_told_what_to_call(model, photos):
    molded, metas, _ = model.mold_inputs(photos[:1])
    with pytest.raises(TypeError, match="detect_molded"):
        model.keras_model.predict([molded, metas, model.get_anchors((64, 64))])


def test_a_photo_of_floats_is_that_of_bytes(model, photos):
    """img_to_array makes float32 of 0..255."""
    one, other = model.detect([photos[0], photos[0].astype(np.float32)])
    np.testing.assert_array_equal(one["rois"], other["rois"])


def test_what_is_found_is_printed_when_asked_for(model, photos, capsys):
    model.detect([photos[0]], verbose=1)
    assert "image" in capsys.readouterr().out


def test_without_objects_the_masks_are_empty_and_loops_run_over_nothing(
    model, photos, finds_nothing
):
    (r,) = model.detect([photos[0]])
    assert r["masks"].shape == (70, 50, 0) and r["masks"].dtype == bool and r["masks"].size == 0
    assert r["rois"].shape == (0, 4) and not len(r["class_ids"])
    for m in range(r["masks"].shape[-1]):
        raise AssertionError(m)
    assert np.any(r["masks"], axis=-1).sum() == 0


def test_results_may_be_written_to(model, photos):
    (r,) = model.detect([photos[0]])
    r["rois"][:, :2] += 1
    r["class_ids"][0] = 7
    r["scores"] *= 2
    r["masks"][:, :, 0] = True
    assert r["masks"][:, :, 0].all() and r["class_ids"][0] == 7


def refine_masks(masks, rois):
    """As scripts do it: small masks first, each takes the pixels that no other has; boxes are drawn
    anew."""
    taken = np.zeros(masks.shape[:2], bool)
    for m in np.argsort(masks.reshape(-1, masks.shape[-1]).sum(axis=0)):
        masks[:, :, m] = np.logical_and(masks[:, :, m], ~taken)
        taken = np.logical_or(taken, masks[:, :, m])
        ys, xs = np.where(masks[:, :, m])
        if len(ys):
            rois[m, :] = [ys.min(), xs.min(), ys.max() + 1, xs.max() + 1]
    return masks, rois


def to_rle(bits):
    rle, at = [], 1
    for bit, run in itertools.groupby(bits):
        run = len(list(run))
        if bit:
            rle += [at, run]
        at += run
    return rle


def test_masks_are_refined_in_place_and_written_as_runs(model, photos):
    (r,) = model.detect([photos[0]])
    covered = r["masks"].any(axis=-1)
    masks, rois = refine_masks(r["masks"], r["rois"])
    assert masks.sum(axis=-1).max() <= 1 and (masks.any(axis=-1) == covered).all()
    again = np.zeros(masks.shape, bool)
    for m in range(masks.shape[-1]):
        flat = np.zeros(masks[:, :, m].size, bool)
        runs = to_rle(masks[:, :, m].ravel(order="F"))
        for start, length in zip(runs[::2], runs[1::2]):
            flat[start - 1 : start - 1 + length] = True
        again[:, :, m] = flat.reshape(masks.shape[:2], order="F")
    np.testing.assert_array_equal(again, masks)
    shown = np.flatnonzero(masks.any(axis=(0, 1)))
    np.testing.assert_array_equal(rois[shown], utils.extract_bboxes(masks)[shown])


def test_results_are_scored_against_the_truth(model, photos, shapes):
    dataset = shapes(5)
    precisions = []
    for image_id in dataset.image_ids[:2]:
        masks, class_ids = dataset.load_mask(image_id)
        (r,) = model.detect([photos[image_id]])
        ap, *_ = utils.compute_ap(
            utils.extract_bboxes(masks),
            class_ids,
            masks,
            r["rois"],
            r["class_ids"],
            r["scores"],
            r["masks"],
        )
        precisions.append(ap)
    assert 0 <= np.mean(precisions) <= 1


def test_results_are_drawn(model, photos):
    (r,) = model.detect([photos[0]])
    _, axes = plt.subplots(1, 2)
    visualize.display_instances(
        photos[0],
        r["rois"],
        r["masks"],
        r["class_ids"],
        NAMES,
        r["scores"],
        title="found",
        figsize=(4, 4),
        ax=axes[0],
    )
    visualize.display_instances(
        photos[0],
        r["rois"][:0],
        r["masks"][:, :, :0],
        r["class_ids"][:0],
        NAMES,
        r["scores"][:0],
        ax=axes[1],
    )
    visualize.display_top_masks(photos[0], r["masks"], r["class_ids"], NAMES, limit=2)
    plt.close("all")


def test_molded_photos_are_detected_in_their_own_pixels(model, photos):
    molded, metas, windows = model.mold_inputs(photos[:2])
    assert molded.shape == (2, 64, 64, 3) and metas.shape == (2, 15) and windows.shape == (2, 4)
    for r in model.detect_molded(molded, metas):
        assert r["masks"].shape[:2] == (64, 64) and len(r["rois"]) == r["masks"].shape[-1] > 0


def test_a_forked_process_is_told_so_and_does_not_wait(model, photos, shapes, monkeypatch):
    monkeypatch.setattr(process, "_began", [-1])
    for use in (
        lambda: model.detect(photos[:1]),
        lambda: model.detect_molded(*model.mold_inputs(photos[:1])[:2]),
        lambda: model.trace(photos[:1]),
        lambda: model.train(shapes(2), None, 0.1, 1, "heads"),
    ):
        with pytest.raises(RuntimeError, match="spawn"):
            use()


def test_another_config_in_the_models_place_counts(changing, photos):
    other = copy.copy(changing.config)
    other.DETECTION_MAX_INSTANCES = 1
    changing.config = other
    assert len(changing.detect([photos[0]])[0]["scores"]) == 1
