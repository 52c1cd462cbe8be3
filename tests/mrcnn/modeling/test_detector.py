"""Detector: which rows may teach it anything, that both paths have fixed shapes, and that
compilation changes nothing.
"""

import keras
import numpy as np
import pytest
from keras import ops

from fashion.attributes.head import AttributeHead
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.matching import IGNORE, POSITIVE

LOSSES = [
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
]


def losses(detector, batch):
    batch = keras.tree.map_structure(ops.convert_to_tensor, batch)
    return {
        name: float(loss)
        for name, loss in detector.compute_losses(batch, detector(batch, training=True)).items()
    }


def without_truth(batch):
    return {name: batch[name] for name in ("images", "windows")}


def numpy(structure):
    return keras.tree.map_structure(np.asarray, structure)


@pytest.mark.slow
def test_every_loss_is_finite_and_has_its_name(plain_config, plain_detector, batch_of):
    found = losses(plain_detector, batch_of(plain_config()))
    assert (
        list(found) == LOSSES
        and np.isfinite(list(found.values())).all()
        and min(found.values()) >= 0
    )


@pytest.mark.slow
def test_a_step_trains_every_layer_that_may_learn(plain_config, batch_of):
    detector = build_detector(plain_config())
    detector.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = {w.path: w.numpy() for w in detector.trainable_weights}
    logs = detector.train_on_batch(batch_of(plain_config()), return_dict=True)
    assert np.isfinite(list(logs.values())).all() and set(logs) == {"loss", *LOSSES}
    same = [w.path for w in detector.trainable_weights if np.array_equal(w, before[w.path])]
    assert not [path for path in same if path.endswith("kernel")]


@pytest.mark.slow
def test_an_image_without_objects_trains(plain_config, batch_of):
    detector = build_detector(plain_config())
    detector.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    kernels = [
        detector.rpn.classify.kernel,
        detector.heads[0].classify.kernel,
        detector.heads[1].predict.kernel,
    ]
    before = [kernel.numpy() for kernel in kernels]
    logs = detector.train_on_batch(batch_of(plain_config(), objects=(0, 0)), return_dict=True)
    assert (
        np.isfinite(list(logs.values())).all()
        and logs["mrcnn_mask_loss"] == logs["rpn_bbox_loss"] == 0
    )
    assert [np.array_equal(kernel, b) for kernel, b in zip(kernels, before)] == [False, False, True]


@pytest.mark.slow
def test_as_many_objects_as_there_is_room_for_train(plain_config, plain_detector, batch_of):
    assert np.isfinite(
        list(losses(plain_detector, batch_of(plain_config(), objects=(12, 12))).values())
    ).all()


@pytest.mark.slow
def test_an_object_as_large_as_the_image_trains(plain_config, plain_detector, batch_of):
    batch = batch_of(plain_config(), objects=(1, 1))
    batch["gt_boxes"][:, 0] = batch["gt_mask_frames"][:, 0] = 0, 0, 64, 64
    assert np.isfinite(list(losses(plain_detector, batch).values())).all()


@pytest.mark.slow
def test_padded_ground_truth_changes_nothing(plain_config, plain_detector, batch_of, rng):
    batch = batch_of(plain_config(), objects=(2, 1))
    before, padding = losses(plain_detector, batch), batch["gt_class_ids"] == 0
    for name in ("gt_boxes", "gt_mask_frames", "gt_masks"):
        batch[name][padding] = rng.integers(0, 100, batch[name][padding].shape)
    assert losses(plain_detector, batch) == before


@pytest.mark.slow
def test_room_for_more_objects_changes_nothing(plain_config, plain_detector, batch_of):
    batch = batch_of(plain_config(), objects=(2, 1))
    longer = {
        name: np.pad(column, [(0, 0), (0, 6)] + [(0, 0)] * (column.ndim - 2))
        if name.startswith("gt_")
        else column
        for name, column in batch.items()
    }
    assert losses(plain_detector, longer) == pytest.approx(losses(plain_detector, batch), rel=1e-5)


@pytest.mark.slow
def test_the_mask_head_sees_the_rows_only_that_may_be_positive(
    plain_config, plain_detector, batch_of
):
    config = plain_config()
    outputs = plain_detector(batch_of(config), training=True)
    rows = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
    label = np.asarray(outputs["samples"]["label"])
    assert outputs["heads"]["mask_head"]["logits"].shape[1] == rows
    assert outputs["heads"]["box_head"]["logits"].shape[1] == config.TRAIN_ROIS_PER_IMAGE
    assert (label[:, :rows] == POSITIVE).any() and not (label[:, rows:] == POSITIVE).any()


@pytest.mark.slow
def test_the_seed_alone_decides_what_is_sampled(plain_config, plain_detector, batch_of):
    first, again = (
        plain_detector(batch_of(plain_config()), training=True)["samples"] for _ in range(2)
    )
    np.testing.assert_array_equal(first["rois"], again["rois"])
    other = plain_detector(batch_of(plain_config()) | {"seed": np.int32([8, 9])}, training=True)[
        "samples"
    ]
    assert not np.array_equal(first["rois"], other["rois"])


@pytest.mark.slow
def test_a_call_without_ground_truth_gives_detections_of_fixed_shape(
    plain_config, plain_detector, batch_of
):
    found = numpy(plain_detector(without_truth(batch_of(plain_config()))))
    assert {name: (column.shape, str(column.dtype)) for name, column in found.items()} == {
        "boxes": ((2, 10, 4), "float32"),
        "class_ids": ((2, 10), "int32"),
        "scores": ((2, 10), "float32"),
        "valid": ((2, 10), "bool"),
        "mask_probabilities": ((2, 10, 28, 28), "float32"),
    }
    assert found["valid"].any() and (np.diff(found["scores"], axis=1) <= 0).all()
    assert (found["class_ids"][found["valid"]] > 0).all() and (
        found["boxes"][~found["valid"]] == 0
    ).all()


@pytest.mark.slow
def test_shapes_are_known_before_anything_runs(plain_detector):
    found = plain_detector(
        {"images": keras.KerasTensor((3, 128, 192, 3)), "windows": keras.KerasTensor((3, 4))}
    )
    assert (found["boxes"].shape, found["mask_probabilities"].shape) == (
        (3, 10, 4),
        (3, 10, 28, 28),
    )


@pytest.mark.parametrize("size", [(100, 100), (64, 70), (None, 64)])
def test_images_of_other_sizes_are_told(plain_detector, size):
    with pytest.raises(ValueError, match="multiples of 32, the stride of the coarsest level"):
        plain_detector(
            {"images": keras.KerasTensor((1, *size, 3)), "windows": keras.KerasTensor((1, 4))}
        )


def test_what_the_inputs_lack_is_told(plain_config, plain_detector, batch_of):
    with pytest.raises(ValueError, match="Lacking: windows"):
        plain_detector({"images": np.zeros((1, 64, 64, 3), np.float32)})
    batch = batch_of(plain_config())
    del batch["gt_masks"], batch["seed"]
    with pytest.raises(ValueError, match="Lacking: seed, gt_masks"):
        plain_detector(batch)


@pytest.mark.slow
def test_an_image_is_detected_alike_alone_and_in_company(plain_config, plain_detector, batch_of):
    inputs = without_truth(batch_of(plain_config()))
    together = numpy(plain_detector(inputs))
    for i in range(2):
        alone = numpy(plain_detector({name: column[i : i + 1] for name, column in inputs.items()}))
        for name, column in alone.items():
            np.testing.assert_allclose(column[0], together[name][i], atol=1e-3)


@pytest.mark.slow
def test_losses_are_weighted_added_up_and_tracked_by_name(plain_config, batch_of):
    weights = dict.fromkeys(LOSSES, 0.0) | {"rpn_class_loss": 2.0, "mrcnn_mask_loss": 3.0}
    detector, batch = build_detector(plain_config(LOSS_WEIGHTS=weights)), batch_of(plain_config())
    plain = losses(detector, batch)
    total = detector.compute_loss(batch, y_pred=detector(batch, training=True))
    assert float(total) == pytest.approx(
        2 * plain["rpn_class_loss"] + 3 * plain["mrcnn_mask_loss"], rel=1e-5
    )
    assert float(detector.loss_trackers["mrcnn_mask_loss"].result()) == pytest.approx(
        3 * plain["mrcnn_mask_loss"], rel=1e-5
    )


def regularised(image, stage5, train_bn):
    """A backbone whose kernels are kept small, by half the sum of their squares."""
    return [
        image := keras.layers.Conv2D(
            4, 3, 2, "same", kernel_regularizer=keras.regularizers.L2(0.5), name=f"mine{i}"
        )(image)
        for i in range(1, 6)
    ]


class Adding(RoIHead):
    """A head that adds a loss where it is called: 2 for each of its rois, and 1."""

    def call(self, inputs, training=False):
        self.add_loss(ops.convert_to_tensor([2.0 * inputs.shape[0] * inputs.shape[1], 1.0]))
        return {}

    def compute_losses(self, outputs, samples):
        return {}


@pytest.mark.slow
def test_what_layers_add_to_the_loss_is_trained_and_tracked(plain_config, batch_of):
    config = plain_config(BACKBONE=regularised, LOSS_WEIGHTS=dict.fromkeys(LOSSES, 0.0))
    detector, batch = build_detector(config, [Adding]), batch_of(config)
    kernels = [detector.backbone.get_layer(f"mine{i}").kernel.numpy() for i in range(1, 6)]
    added = (
        0.5 * sum((kernel**2).sum() for kernel in kernels) + 2 * 2 * config.TRAIN_ROIS_PER_IMAGE + 1
    )
    assert float(
        detector.compute_loss(batch, y_pred=detector(batch, training=True))
    ) == pytest.approx(added, rel=1e-5)
    detector.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    logs = detector.train_on_batch(batch, return_dict=True)
    assert logs["layer_loss"] == pytest.approx(added, rel=1e-5) and set(logs) == {
        "loss",
        "layer_loss",
        *LOSSES,
    }
    for i, kernel in enumerate(kernels, start=1):  # all that is left to learn is to be smaller
        np.testing.assert_allclose(
            detector.backbone.get_layer(f"mine{i}").kernel, 0.9 * kernel, atol=1e-6
        )


@pytest.mark.slow
def test_another_head_trains_and_describes_without_a_change_to_the_library(
    plain_config, batch_of, rng
):
    detector, batch = (
        build_detector(plain_config(), extra_heads=[AttributeHead(6)]),
        batch_of(plain_config()),
    )
    batch["gt_attributes"] = (rng.random((2, 12, 6)) < 0.5).astype(np.float32)
    assert list(losses(detector, batch)) == [*LOSSES, "mrcnn_attribute_loss"]
    found = detector(without_truth(batch))
    assert found["attribute_scores"].shape == (2, 10, 6) and found["mask_probabilities"].shape == (
        2,
        10,
        28,
        28,
    )


@pytest.mark.slow
def test_half_precision_rounds_no_box_and_no_loss(plain_config, batch_of):
    detector, batch = build_detector(plain_config(MIXED_PRECISION=True)), batch_of(plain_config())
    batch["gt_boxes"][0, 0] = batch["gt_mask_frames"][0, 0] = (
        1.01,
        2.03,
        61.07,
        59.01,
    )  # none of them a bfloat16
    outputs = detector(batch, training=True)
    assert detector.heads[1].convs[0].compute_dtype == "bfloat16"
    assert {str(outputs["proposals"].dtype), str(outputs["samples"]["rois"].dtype)} <= {
        "float32",
        "<dtype: 'float32'>",
    }
    rois = np.asarray(outputs["samples"]["rois"])[0]
    assert (
        np.abs(rois - batch["gt_boxes"][0, 0]).max(axis=1) == 0
    ).any()  # the object joins, unrounded
    for loss in detector.compute_losses(batch, outputs).values():
        assert "float32" in str(loss.dtype) and np.isfinite(loss)
    found = numpy(detector(without_truth(batch)))
    assert {str(found[name].dtype) for name in ("boxes", "scores", "mask_probabilities")} == {
        "float32"
    }


CASCADE = {"CASCADE_STAGES": 3, "MASK_SHAPE": [56, 56], "DETECTION_NMS": "soft_linear"}


@pytest.mark.full
@pytest.mark.parametrize(
    ("settings", "compiled"),
    [({}, {"jit_compile": True}), (CASCADE, {"jit_compile": True}), (CASCADE, {})],
    ids=["xla", "cascade by xla", "cascade in a graph"],
)
def test_compiled_a_step_and_a_prediction_are_the_same(plain_config, batch_of, settings, compiled):
    """As they are without a graph; that a plain graph makes the same steps is a fact of
    tests/test_devices.py.
    """
    config = plain_config(**settings)
    batch, results = batch_of(config), []
    for how in ({"run_eagerly": True}, {"jit_compile": False} | compiled):
        keras.utils.set_random_seed(0)
        detector = build_detector(config)
        detector.compile(keras.optimizers.SGD(0.01), **how)
        detector.optimizer.build(
            detector.trainable_variables
        )  # else TensorFlow traces the first step twice
        logs = [
            detector.train_on_batch(batch, return_dict=True) for _ in range(2)
        ]  # the second shows the first's update
        results.append((logs, numpy(detector.predict_on_batch(without_truth(batch)))))
    (plain_logs, plain), (logs, found) = results
    for one, other in zip(plain_logs, logs):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-3)
    for name in plain:
        np.testing.assert_allclose(found[name], plain[name], atol=1e-3, rtol=1e-3)


# Weights that measure boxes by their corner pixels


@pytest.fixture(scope="module")
def by_corners(plain_config):
    return build_detector(plain_config(ROI_ALIGN="corners"))


def test_deltas_scale_the_way_from_corner_pixel_to_corner_pixel(by_corners):
    """The anchor covers pixels 16 to 47: 31 steps. Twice as many around the same centre are 63
    pixels.
    """
    anchors = np.asarray(by_corners.anchors((64, 64)))
    chosen = int(np.flatnonzero((anchors == [16, 16, 48, 48]).all(axis=1))[0])
    logits, deltas = (
        np.zeros((1, len(anchors), 2), np.float32),
        np.zeros((1, len(anchors), 4), np.float32),
    )
    logits[0, chosen, 1] = 9
    for growth, wanted in ((0, [16, 16, 48, 48]), (np.log(2) / 0.2, [0.5, 0.5, 63.5, 63.5])):
        deltas[0, chosen, 2:] = growth
        boxes, valid = by_corners.proposals(
            {"logits": ops.convert_to_tensor(logits), "deltas": ops.convert_to_tensor(deltas)},
            (64, 64),
            for_training=False,
        )
        assert bool(valid[0, 0])
        np.testing.assert_allclose(np.asarray(boxes)[0, 0], wanted, atol=1e-3)


@pytest.mark.slow
def test_boxes_come_and_go_in_pixels_whatever_the_measure(by_corners, plain_config, batch_of):
    batch = batch_of(plain_config())
    found = losses(by_corners, batch)
    assert np.isfinite(list(found.values())).all()
    outputs = numpy(by_corners(without_truth(batch)))
    boxes = outputs["boxes"][outputs["valid"]]
    assert (
        len(boxes)
        and boxes.min() >= 0
        and boxes.max() <= 64
        and (outputs["boxes"][~outputs["valid"]] == 0).all()
    )
    objects = np.asarray(
        by_corners(keras.tree.map_structure(ops.convert_to_tensor, batch), training=True)[
            "samples"
        ]["rois"]
    )[0]
    assert (np.abs(objects - (batch["gt_boxes"][0, 0] - [0, 0, 1, 1])).max(axis=1) < 1e-4).any()


@pytest.mark.slow
@pytest.mark.parametrize("given", [False, True])
def test_more_rois_than_there_are_to_draw_from_are_padded(plain_config, batch_of, given):
    config = plain_config(TRAIN_ROIS_PER_IMAGE=50)
    candidates = config.POST_NMS_ROIS_TRAINING + config.MAX_GT_INSTANCES
    assert candidates < 50
    detector, batch = build_detector(config), batch_of(config)
    if given:
        batch["rois"] = np.tile(
            np.float32([[1, 2, 31, 42], [4, 4, 20, 20], [0, 0, 0, 0]]), (2, 1, 1)
        )
        candidates = 2 + config.MAX_GT_INSTANCES
    assert np.isfinite(list(losses(detector, batch).values())).all()
    samples = numpy(detector(batch, training=True)["samples"])
    drawn = samples["label"] != IGNORE
    assert (
        drawn.shape == (2, 50)
        and (0 < drawn.sum(axis=1)).all()
        and (drawn.sum(axis=1) <= candidates).all()
    )
    assert (samples["rois"][drawn] != 0).any(axis=1).all()


def test_given_rois_take_the_place_of_proposals(plain_config, plain_detector, batch_of):
    batch = batch_of(plain_config())
    rois = np.zeros((2, 20, 4), np.float32)
    rois[:, :3] = [[1, 2, 31, 42], [4, 4, 20, 20], [30, 30, 60, 60]]
    drawn = np.asarray(plain_detector(batch | {"rois": rois}, training=True)["proposals"])
    np.testing.assert_array_equal(drawn, rois)
