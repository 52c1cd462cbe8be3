"""Cascade: boxes, scores and targets of each stage by hand, and that one stage is what it was."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.data.batches import TrainingBatches, training_batches
from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.predict import Predictor
from mrcnn.inference.views import ONE_VIEW, View
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.cascade import mean_scores, refined_boxes, run_stages
from mrcnn.modeling.detector import LAYER_LOSS, Detector, DetectorSettings
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.boxes import decode
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.weights.layer_files import weight_layers

STD = (0.1, 0.1, 0.2, 0.2)
CANVAS = np.float32([0, 0, 64, 64])


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(CASCADE_STAGES=3)


@pytest.fixture(scope="module")
def detector(config):
    keras.utils.set_random_seed(0)
    return build_detector(config)


def tensors(structure):
    return keras.tree.map_structure(ops.convert_to_tensor, structure)


def losses(detector, batch):
    found = detector.compute_losses(tensors(batch), detector(batch, training=True))
    return {name: float(loss) for name, loss in found.items()}


class FixedHead:
    """A box head that answers with fixed logits and deltas."""

    pool_size, num_classes = 7, 3
    refine, _of_class = BoxHead.refine, BoxHead._of_class

    def __init__(self, logits, deltas, divisor=1.0):
        self.std = tuple(std / divisor for std in STD)
        self.class_agnostic = np.ndim(deltas) == 1
        self.outputs = {
            "logits": ops.convert_to_tensor(np.float32([[logits]])),
            "deltas": ops.convert_to_tensor(np.float32(deltas).reshape(1, 1, -1, 4)),
        }

    def __call__(self, inputs):
        self.seen = np.asarray(inputs)[0, 0]
        return self.outputs


def test_the_mean_is_of_scores_not_of_logits():
    shares = np.float32([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2]])
    logits = [ops.convert_to_tensor(np.log(own)[None] + 5) for own in shares]
    np.testing.assert_allclose(ops.softmax(mean_scores(logits))[0], [0.5, 0.35, 0.15], rtol=1e-5)


def test_scores_that_no_float_holds_have_a_mean():
    logits = [ops.convert_to_tensor(np.float32([[200, 0, 0]])) for _ in range(2)]
    np.testing.assert_allclose(mean_scores(logits), [[0, -200, -200]], atol=1e-4)


def test_each_stage_moves_the_boxes_of_the_one_before():
    """10 x 10 pixels: a delta of 1 is 1 pixel in the first stage, half of one in the second."""
    first = FixedHead([9, 1, 2], [[9] * 4, [9] * 4, [1, 0, 0, 0]])  # background wins: class 2 moves
    second = FixedHead([0, 9, 0], [0, 4, 0, 0], divisor=2)
    boxes = ops.convert_to_tensor(np.float32([[[20, 20, 30, 30]]]))
    found = run_stages([first, second], lambda rois, size: rois, boxes, CANVAS)
    np.testing.assert_allclose(first.seen, [20, 20, 30, 30])
    np.testing.assert_allclose(second.seen, [21, 20, 31, 30], atol=1e-5)
    assert found["deltas"].shape == (1, 1, 3, 4)
    for deltas in np.asarray(found["deltas"])[0, 0]:  # in the measure of the first stage
        np.testing.assert_allclose(deltas, [1, 2, 0, 0], atol=1e-5)
    own = np.exp(np.float64([[9, 1, 2], [0, 9, 0]]))
    mean = (own / own.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(ops.softmax(found["logits"])[0, 0], mean, rtol=1e-5)


def test_a_refined_box_stays_on_the_canvas():
    stage = FixedHead([0, 9, 0], [-30, 0, 0, 0])
    boxes = ops.convert_to_tensor(np.float32([[[20, 20, 30, 30], [40, 0, 50, 9]]]))
    found = refined_boxes(stage, stage.outputs, boxes, CANVAS)
    np.testing.assert_allclose(found[0], [[0, 20, 0, 30], [10, 0, 20, 9]], atol=1e-4)


def test_a_later_stage_divides_its_targets_by_smaller_deviations():
    head = BoxHead(3, 8, 7, [std / 2 for std in STD], stage=2, class_agnostic=True)
    truth = {
        "gt_class_ids": ops.convert_to_tensor([[2]]),
        "gt_boxes": ops.convert_to_tensor([[[22.0, 20.0, 32.0, 30.0]]]),
    }
    rois = ops.convert_to_tensor([[[20.0, 20.0, 30.0, 30.0]]])
    samples = RoISamples(
        rois, ops.convert_to_tensor([[POSITIVE]]), ops.zeros((1, 1), "int32"), truth, 1
    )
    outputs = {
        "logits": ops.convert_to_tensor(np.float32([[[-50, -50, 50]]])),
        "deltas": ops.convert_to_tensor(np.float32([[[[4, 0, 0, 0]]]])),  # .2 heights / .05
    }
    assert {k: float(v) for k, v in head.compute_losses(outputs, samples).items()} == {
        "mrcnn_class_loss_stage2": 0,
        "mrcnn_bbox_loss_stage2": pytest.approx(0, abs=1e-5),
    }
    assert BoxHead.from_config(head.get_config()).get_config() == head.get_config()
    assert head.loss_names == ("mrcnn_class_loss_stage2", "mrcnn_bbox_loss_stage2")


def rows_with(samples, roi):
    """Labels of the drawn rows whose box is `roi`, in the first image."""
    label = np.asarray(samples["label"])[0]
    same = np.abs(np.asarray(samples["rois"])[0] - roi).max(axis=1) < 1e-3
    return label[same & (label != IGNORE)]


def test_a_roi_is_positive_from_the_iou_of_each_stage_on(plain_config, batch_of):
    """Boxes inside an object of 40 x 40 pixels, of 55, 65 and 75 % of its area."""
    config = plain_config(CASCADE_STAGES=3, TRAIN_ROIS_PER_IMAGE=20, ROI_POSITIVE_RATIO=0.5)
    detector, batch = build_detector(config), batch_of(config, objects=(1, 0))
    for head in (detector.box_head, *detector.cascade[:1]):
        head.regress.set_weights([np.zeros_like(w) for w in head.regress.get_weights()])
    batch["gt_boxes"][0, 0] = batch["gt_mask_frames"][0, 0] = 10, 10, 50, 50
    rois = np.zeros((2, 20, 4), np.float32)
    rois[0, :3] = [[10, 10, 10 + 40 * share, 50] for share in (0.55, 0.65, 0.75)]
    outputs = detector(batch | {"rois": rois}, training=True)
    stages = [outputs["samples"], *outputs["cascade"]]
    for samples, positive in zip(stages, ([1, 1, 1], [0, 1, 1], [0, 0, 1]), strict=True):
        for roi, is_positive in zip(rois[0, :3], positive, strict=True):
            assert set(rows_with(samples, roi)) == {POSITIVE if is_positive else NEGATIVE}
        assert (rows_with(samples, batch["gt_boxes"][0, 0]) == POSITIVE).all()
        assert set(np.asarray(samples["label"])[1]) == {IGNORE}  # there was no RoI


def test_the_rois_of_a_stage_are_those_that_the_one_before_has_moved(plain_config, batch_of):
    """The first stage moves everything down by a tenth of its height."""
    config = plain_config(CASCADE_STAGES=2)
    detector, batch = build_detector(config), batch_of(config, objects=(0, 0))
    kernel, bias = detector.box_head.regress.get_weights()
    bias = np.tile(np.float32([1, 0, 0, 0]), len(bias) // 4)
    detector.box_head.regress.set_weights([np.zeros_like(kernel), bias])
    rois = np.zeros((2, 20, 4), np.float32)
    rois[:, 0] = 10, 10, 30, 40
    outputs = detector(batch | {"rois": rois}, training=True)
    assert len(outputs["cascade"]) == 1
    assert rows_with(outputs["cascade"][0], [12, 10, 32, 40]).tolist() == [NEGATIVE]
    assert rows_with(outputs["cascade"][0], [10, 10, 30, 40]).size == 0


@pytest.mark.slow
def test_the_first_stage_and_all_else_stay_what_they_are_without_a_cascade(
    config, detector, plain_config, plain_detector, batch_of
):
    batch = batch_of(config)
    one, three = losses(plain_detector, batch), losses(detector, batch)
    assert {name: three[name] for name in one} == one
    more = [f"mrcnn_{part}_loss_stage{stage}" for stage in (2, 3) for part in ("class", "bbox")]
    assert list(three)[len(one) :] == more and np.isfinite(list(three.values())).all()
    names = list(weight_layers(plain_detector))
    assert [name for name in weight_layers(detector) if "_stage" not in name] == names
    assert plain_detector(batch, training=True)["cascade"] == []


@pytest.mark.slow
def test_a_step_trains_every_stage(config, batch_of):
    keras.utils.set_random_seed(0)
    detector = build_detector(config)
    detector.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = {w.path: w.numpy() for w in detector.trainable_weights}
    logs = detector.train_on_batch(batch_of(config), return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    same = [w.path for w in detector.trainable_weights if np.array_equal(w, before[w.path])]
    assert not [path for path in same if path.endswith("kernel")]


@pytest.mark.slow
def test_the_losses_of_later_stages_count_less(plain_config, batch_of):
    config = plain_config(
        CASCADE_STAGES=3, LOSS_WEIGHTS={"mrcnn_bbox_loss": 10.0}, CASCADE_LOSS_WEIGHTS=(0.5, 0)
    )
    detector, batch = build_detector(config), batch_of(config)
    assert detector.settings.loss_weights == {
        "mrcnn_bbox_loss": 10.0,
        "mrcnn_class_loss_stage2": 0.5,
        "mrcnn_bbox_loss_stage2": 5.0,
        "mrcnn_class_loss_stage3": 0.0,
        "mrcnn_bbox_loss_stage3": 0.0,
    }
    single = losses(detector, batch)
    weights = detector.settings.loss_weights
    total = detector.compute_loss(x=tensors(batch), y_pred=detector(batch, training=True))
    expected = sum(loss * weights.get(name, 1.0) for name, loss in single.items())
    assert float(total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_checkpoint_without_a_cascade_fills_its_first_stage(
    detector, plain_detector, plain_config, tmp_path
):
    plain_detector.save_weights(tmp_path / "one.h5")
    keras.utils.set_random_seed(1)
    fresh = build_detector(plain_config(CASCADE_STAGES=2))
    report = fresh.load_weights(tmp_path / "one.h5")
    assert not report.only_in_file
    parts = ("class_conv1", "class_bn1", "class_conv2", "class_bn2", "class_logits", "bbox_fc")
    assert set(report.only_in_model) == {f"mrcnn_{part}_stage2" for part in parts}
    detector.save_weights(tmp_path / "three.h5")
    back = build_detector(plain_config())
    assert not back.load_weights(tmp_path / "three.h5").only_in_model


@pytest.mark.slow
@pytest.mark.parametrize("roi_align", ["aligned", "corners"])
def test_detections_are_among_the_traced_boxes_of_the_last_stage(plain_config, rng, roi_align):
    keras.utils.set_random_seed(0)
    detector = build_detector(plain_config(CASCADE_STAGES=3, ROI_ALIGN=roi_align))
    for head in (detector.box_head, *detector.cascade):  # boxes that move
        weights = head.regress.get_weights()
        head.regress.set_weights([rng.normal(0, 0.5, w.shape) for w in weights])
    images = rng.normal(size=(2, 64, 64, 3)).astype(np.float32)
    windows = np.float32([[0, 0, 64, 64]] * 2)
    traced = detector.trace(images, windows)
    found = detector({"images": images, "windows": windows})
    for name, column in found.items():
        np.testing.assert_array_equal(traced["detections"][name], column)
    convention = detector.convention
    boxes = decode(
        traced["mrcnn_bbox"],
        convention.measure(traced["rpn_rois"])[:, :, None],
        detector.box_head.std,
    )
    boxes = np.clip(convention.unmeasure(boxes, ops.ones(boxes.shape[:-1])), 0, 64)
    assert np.asarray(found["valid"]).any()
    for i, row in np.argwhere(found["valid"]):
        class_id = int(found["class_ids"][i, row])
        distance = np.abs(boxes[i, :, class_id] - np.asarray(found["boxes"])[i, row]).max(axis=1)
        score = np.asarray(traced["mrcnn_class"])[i, distance.argmin(), class_id]
        assert distance.min() < 1e-2 and score == pytest.approx(float(found["scores"][i, row]))


@pytest.mark.slow
def test_predictors_of_one_and_of_several_views_take_a_cascade(config, detector, uncompiled):
    photos = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(2)]
    plain = Predictor(detector, config)(photos)
    alone = AugmentedPredictor(detector, config, views=ONE_VIEW)(photos)
    twice = AugmentedPredictor(detector, config, views=[View(), View()])(photos)
    mirrored = AugmentedPredictor(detector, config, views=[View(), View(mirror=True)])(photos)
    for one, other, same, fused in zip(plain, alone, twice, mirrored, strict=True):
        assert len(one["scores"]) and len(fused["scores"])
        for name in ("boxes", "scores", "mask_probabilities"):
            np.testing.assert_array_equal(one[name], other[name])
        np.testing.assert_allclose(same["scores"], one["scores"], rtol=1e-4)
        np.testing.assert_allclose(same["boxes"], one["boxes"], atol=1e-2)


def test_a_stage_without_an_iou_is_told(detector):
    settings = DetectorSettings().replace({"roi_sampling.cascade_ious": (0.6,)})
    parts = (detector.backbone, detector.neck, detector.rpn, detector.box_head)
    with pytest.raises(ValueError, match=r"Each of the 2 box heads.*cascade_ious. Got \(0.6,\)"):
        Detector(*parts, settings=settings, cascade=detector.cascade)


class BreakOff(keras.callbacks.Callback):
    """Ends the training in its second epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 3:
            raise KeyboardInterrupt


@pytest.mark.full
def test_a_broken_training_resumes_as_if_it_were_whole(plain_config, shapes, uncompiled, tmp_path):
    config = plain_config(CASCADE_STAGES=3, MASK_SHAPE=(56, 56), OPTIMIZER="adamw")

    def train(run, **options):
        keras.utils.set_random_seed(0)
        detector, stages = build_detector(config), [Stage("all", "all", 3, 1e-3)]
        batches = training_batches(shapes(4), config)
        return detector, fit_detector(detector, config, batches, stages, run, **options)

    one, whole = train(RunFolder(tmp_path / "whole"))
    run = RunFolder(tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        train(run, callbacks=[BreakOff()])
    assert len(run.read_history()) == 1
    other, resumed = train(run, resume=True)
    assert len(resumed) == len(whole) == 3
    for row, wanted in zip(resumed, whole, strict=True):
        for name in other.loss_trackers.keys() - {LAYER_LOSS}:
            assert row[name] == pytest.approx(wanted[name], rel=1e-3, abs=1e-5), name
    for mine, wanted in zip(other.weights, one.weights, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-4, err_msg=mine.path)


@pytest.mark.full
def test_every_stage_and_refined_masks_learn_their_images(plain_config, shapes):
    config = plain_config(CASCADE_STAGES=3, MASK_SHAPE=(56, 56), IMAGES_PER_GPU=4)
    keras.utils.set_random_seed(0)
    detector = build_detector(config)
    batches = TrainingBatches(shapes(4), config)
    detector.compile(keras.optimizers.Adam(3e-3))
    history = [detector.train_on_batch(batches[0], return_dict=True) for _ in range(250)]
    first, last = (
        {name: np.mean([step[name] for step in part]) for name in history[0]}
        for part in (history[:10], history[-10:])
    )
    for stage in ("", "_stage2", "_stage3"):
        for part in ("class", "bbox"):
            name = f"mrcnn_{part}_loss{stage}"
            assert last[name] < 0.5 * first[name], name
    assert last["mrcnn_mask_loss"] < 0.5 * first["mrcnn_mask_loss"]
    assert np.abs(detector.other_heads[0].correct.kernel).max() > 0.01
