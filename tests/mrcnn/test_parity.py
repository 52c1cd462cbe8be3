"""With a weight file of Matterport's the network computes what Matterport's did.

The numbers were recorded by running that code (TensorFlow 2.21) on generated weights, and lie in
../shared/reference/legacy together
with the generators. Tolerances are those between two versions of TensorFlow running the old code,
rounded up.
"""

import functools
import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import ops

import mrcnn.model as modellib
from mrcnn.config import Config
from mrcnn.modeling import mask_head
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.modeling.rpn import rpn_losses
from mrcnn.ops.boxes import pairwise_iou
from mrcnn.ops.losses import binary_cross_entropy, masked_mean
from mrcnn.ops.masks import crop
from mrcnn.ops.matching import match
from mrcnn.ops.pixel_convention import CORNERS
from mrcnn.weights.layer_files import weight_layers

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "legacy"
BACKBONES = [
    path.stem.removeprefix("golden_infer_") for path in sorted(REFERENCE.glob("golden_infer_*.npz"))
]
SIDE = 512

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not BACKBONES,
        reason="the recorded numbers are not beside this repository (../shared/reference/legacy)",
    ),
]


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request):
    return request.param


@pytest.fixture(scope="module")
def inventory(backbone, reference):
    return json.loads((reference / f"inventory_{backbone}.json").read_text())


@pytest.fixture(scope="module")
def weight_file(inventory, backbone, script, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / f"{backbone}.h5"
    script("make_weights").write(inventory, path)
    return path


@pytest.fixture(scope="module")
def model(backbone, weight_file, tmp_path_factory):
    class ParityConfig(Config):
        NAME = "coco"
        NUM_CLASSES = 81
        BACKBONE = backbone
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
        IMAGES_PER_GPU = 1

    made = modellib.MaskRCNN(
        mode="inference", config=ParityConfig(), model_dir=tmp_path_factory.mktemp("logs")
    )
    report = made.load_weights(weight_file, by_name=True)
    assert (
        not (report.only_in_file or report.only_in_model or report.excluded)
        and made.keras_model.convention is CORNERS
    )
    return made


@pytest.fixture(scope="module")
def golden(backbone, reference):
    return np.load(reference / f"golden_infer_{backbone}.npz")


@pytest.fixture(scope="module")
def image(script):
    return script("make_weights").image()


@pytest.fixture(scope="module")
def trace(model, image):
    return model.trace([image])


def in_pixels(boxes):
    """Matterport's boxes of 0..1 in pixels of the network input."""
    return (np.asarray(boxes, np.float64) * (SIDE - 1) + [0, 0, 1, 1]).astype(np.float32)


def matched(found, wanted, tolerance):
    """How many rows of `wanted` have a row of `found` within the tolerance, each used once."""
    free, count = np.ones(len(found), bool), 0
    for row in wanted:
        distance = np.where(free, np.abs(found - row).max(axis=1), np.inf)
        best = int(distance.argmin())
        if distance[best] <= tolerance:
            free[best], count = False, count + 1
    return count


def test_anchors(model, golden):
    anchors = model.get_anchors((SIDE, SIDE, 3))
    assert anchors.dtype == np.float32 and anchors.shape == (65472, 4)
    np.testing.assert_allclose(anchors[::997], golden["anchors_sample"], atol=1e-6)


@pytest.mark.parametrize("name", ["C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6"])
def test_features(trace, golden, name):
    step, wanted, found = int(golden[f"{name}_step"]), golden[f"{name}_sub"], trace[name]
    assert np.abs(found[:, ::step, ::step] - wanted).max() < 1e-4 * wanted.std()
    mean_and_std = np.stack([found.mean(axis=(0, 1, 2)), found.std(axis=(0, 1, 2))])
    np.testing.assert_allclose(mean_and_std, golden[f"{name}_chan_stats"], atol=1e-4 * wanted.std())


def test_region_proposal_network(trace, golden):
    assert np.abs(trace["rpn_class"][..., 1] - golden["rpn_fg"]).max() < 1e-4
    assert np.abs(trace["rpn_bbox"] - golden["rpn_bbox"]).max() < 1e-4


def test_proposals(trace, golden):
    wanted = in_pixels(golden["proposals"][0])
    assert matched(trace["rpn_rois"][0], wanted, 1e-4 * (SIDE - 1)) >= 0.99 * len(wanted)


@pytest.fixture(scope="module")
def pyramid(trace):
    return [ops.convert_to_tensor(trace[f"P{i}"]) for i in (2, 3, 4, 5, 6)]


@pytest.fixture(scope="module")
def box_head(model, pyramid, golden):
    """Pooled features and outputs at the recorded proposals; which of them touch the bottom or the
    right edge."""
    detector, rois = model.keras_model, golden["proposals"]
    pooled = detector._pool(
        pyramid, detector.convention.measure(ops.convert_to_tensor(in_pixels(rois))), 7
    )
    outputs = {name: np.asarray(value) for name, value in detector.box_head(pooled).items()}
    return {
        "pooled": np.asarray(pooled),
        "at_edge": (rois[0, :, 2:] >= 1 - 1e-6).any(axis=1),
        **outputs,
    }


def test_pooled_features(box_head, golden):
    rows = golden["roi_pool_idx"]
    error = np.abs(box_head["pooled"][0][rows] - golden["roi_pool"]).max(axis=(1, 2, 3))
    assert error[~box_head["at_edge"][rows]].max() < 1e-3


def test_class_and_box_outputs(box_head, golden):
    """crop_and_resize may read 0 for the last row of a roi at the image's edge; those few rois may
    differ, the others not."""
    for name, recorded, tolerance in (
        ("logits", "mrcnn_class_logits", 1e-3),
        ("deltas", "mrcnn_bbox", 1e-3),
    ):
        error = (
            np.abs(box_head[name] - golden[recorded])[0]
            .reshape(len(box_head["at_edge"]), -1)
            .max(axis=1)
        )
        assert error[~box_head["at_edge"]].max() < tolerance
        assert (error > tolerance).sum() <= 0.1 * box_head["at_edge"].sum()


def test_detections(model, pyramid, golden):
    detector, wanted = model.keras_model, golden["detections"][0]
    rois = ops.convert_to_tensor(in_pixels(golden["proposals"]))
    valid, window = (
        ops.ones((1, rois.shape[1]), "bool"),
        ops.convert_to_tensor(np.float32([[0, 0, SIDE, SIDE]])),
    )
    found = {
        k: np.asarray(v)[0]
        for k, v in detector.detections(
            detector.box_outputs(pyramid, rois), rois, valid, window
        ).items()
    }
    wanted = wanted[wanted[:, 4] > 0]
    rows = np.concatenate(
        [found["boxes"], found["class_ids"][:, None], found["scores"][:, None]], axis=1
    )[found["valid"]]
    assert matched(
        rows, np.concatenate([in_pixels(wanted[:, :4]), wanted[:, 4:]], axis=1), 0.05
    ) >= 0.9 * len(wanted)


def test_masks(model, pyramid, golden):
    detector, wanted = model.keras_model, golden["detections"]
    boxes = ops.convert_to_tensor(in_pixels(wanted[..., :4]))
    pooled = np.asarray(detector._pool(pyramid, detector.convention.measure(boxes), 14))[0][
        golden["mask_pool_idx"]
    ]
    assert np.abs(pooled - golden["mask_pool"]).max() < 1e-3
    masks = detector.describe(
        pyramid, boxes, ops.convert_to_tensor(wanted[..., 4].astype(np.int32))
    )["mask_probabilities"]
    live = wanted[0, :, 4] > 0
    assert np.abs(np.asarray(masks)[0] - golden["mrcnn_mask_sel"])[live].max() < 1e-3


@pytest.mark.parametrize("name", ["a", "b"])
def test_results_on_photos(model, golden, image, name):
    """The whole way, from a photo to its masks: a square one, and a crop of it that is enlarged and
    padded."""
    photo = image if name == "a" else image[60:420, 10:490]
    (found,) = model.detect([photo], verbose=0)
    wanted = {
        k: golden[f"det_{name}_{k}"]
        for k in ("rois", "class_ids", "scores", "masks_packed", "masks_shape")
    }
    shape = tuple(wanted["masks_shape"])
    assert shape[:2] == photo.shape[:2]
    masks = (
        np.unpackbits(wanted["masks_packed"], count=int(np.prod(shape))).reshape(shape).astype(bool)
    )
    overlap = []
    for roi, class_id, score, mask in zip(
        wanted["rois"], wanted["class_ids"], wanted["scores"], masks.transpose(2, 0, 1)
    ):
        same = (
            (np.abs(found["rois"] - roi).max(axis=1) <= 1)
            & (found["class_ids"] == class_id)
            & (np.abs(found["scores"] - score) < 1e-3)
        )
        for i in np.flatnonzero(same)[:1]:
            overlap.append(
                (found["masks"][:, :, i] & mask).sum()
                / max(1, (found["masks"][:, :, i] | mask).sum())
            )
    assert len(overlap) >= 0.9 * len(wanted["rois"]) and abs(
        len(found["scores"]) - len(wanted["rois"])
    ) <= 0.1 * len(wanted["rois"])
    assert np.median(overlap) > 0.999 and np.mean(np.array(overlap) > 0.98) > 0.9


def test_the_file_written_is_that_of_the_old_code(model, inventory, weight_file, tmp_path):
    model.keras_model.save_weights(str(tmp_path / "ours.h5"))
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(weight_file) as theirs:
        assert [n.decode() for n in ours.attrs["layer_names"]] == [
            layer["name"] for layer in inventory["layers"]
        ]
        assert set(ours) == set(theirs) and set(ours.attrs) == {
            name for name, _ in inventory["file_attrs"].items()
        } | {"layer_names"}
        for layer in inventory["layers"]:
            group = ours[layer["name"]]
            assert [n.decode() for n in group.attrs["weight_names"]] == [
                w["name"] for w in layer["weights"]
            ]
            for weight in layer["weights"]:
                assert group[weight["name"]].dtype == weight["dtype"]
                np.testing.assert_array_equal(
                    group[weight["name"]][()], theirs[layer["name"]][weight["name"]][()]
                )


# Training: two images with 100 given rois each, few enough that the old code's random sampling
# keeps every one of them.


@pytest.fixture(scope="module")
def recorded(backbone, reference):
    path = reference / f"golden_train_{backbone}.npz"
    if not path.exists():
        pytest.skip(f"there is no record of training with {backbone}")
    return np.load(path)


@pytest.fixture(scope="module")
def inputs(model, recorded, script):
    images = np.stack([example["image"] for example in script("fixtures").batch()])
    masks = (
        np.unpackbits(recorded["inp_gt_masks_packed"])
        .reshape(recorded["inp_gt_masks_shape"])
        .transpose(0, 3, 1, 2)
    )
    boxes = recorded["inp_gt_boxes"].astype(np.float32)
    arrays = {
        "images": images.astype(np.float32) - model.config.MEAN_PIXEL,
        "gt_class_ids": recorded["inp_gt_class_ids"],
        "gt_boxes": boxes,
        "gt_mask_frames": boxes,
        "gt_masks": masks.astype(np.float32),
        "active_class_ids": recorded["inp_image_meta"][:, 12:].astype(np.float32),
    }
    return {name: ops.convert_to_tensor(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def samples(model, inputs, recorded):
    """The given rois, positives first, and 100 rows of padding, which the old code took for
    background and trained on."""
    detector = model.keras_model
    truth = detector._ground_truth(inputs)
    rois = detector.convention.measure(
        ops.convert_to_tensor(recorded["inp_rois"].astype(np.float32))
    )
    label, index = match(
        pairwise_iou(rois, truth["gt_boxes"]),
        truth["gt_class_ids"] > 0,
        negative_below=0.5,
        positive_from=0.5,
        allow_low_quality_matches=False,
    )
    order = np.argsort(-np.asarray(label), axis=1, kind="stable")
    rois, label, index = (np.asarray(t) for t in (rois, label, index))
    rois, label, index = (
        np.take_along_axis(t, order[..., None] if t.ndim == 3 else order, axis=1)
        for t in (rois, label, index)
    )
    positives = int((label[0] == 1).sum())
    rois, label, index = (
        np.concatenate([t, np.zeros_like(t)], axis=1) for t in (rois, label, index)
    )
    return RoISamples(
        *(ops.convert_to_tensor(t) for t in (rois, label, index)), truth, positives, CORNERS
    )


@pytest.fixture(scope="module")
def rpn_targets(recorded):
    labels, count = recorded["inp_rpn_match"][..., 0], recorded["inp_rpn_bbox"].shape[1]
    targets = {
        "index": np.zeros((2, count), np.int32),
        "label": np.full((2, count), -1, np.int32),
        "deltas": np.zeros((2, count, 4), np.float32),
    }
    for i, row in enumerate(labels):
        used = np.flatnonzero(row)
        targets["index"][i, : len(used)], targets["label"][i, : len(used)] = used, row[used] == 1
        positive = np.flatnonzero(row[used] == 1)
        targets["deltas"][i, positive] = recorded["inp_rpn_bbox"][i, : len(positive)]
    return {name: ops.convert_to_tensor(array) for name, array in targets.items()}


@pytest.fixture(scope="module")
def mask_targets(samples, recorded):
    """The recorded ones, in the order of the samples: (2, positives, 28, 28)."""
    targets = []
    for i in range(2):
        rows = np.flatnonzero(recorded[f"tgt{i}_class_ids"] > 0)
        masks = np.unpackbits(recorded[f"tgt{i}_mask_pos_packed"]).reshape(-1, 28, 28)[: len(rows)]
        rois = np.asarray(samples.rois)[i, : samples.max_positives] / (SIDE - 1)
        distance = np.abs(rois[:, None] - recorded[f"tgt{i}_rois"][rows][None]).max(axis=2)
        assert distance.min(axis=1).max() < 1e-6
        targets.append(masks[distance.argmin(axis=1)])
    return np.stack(targets).astype(np.float32)


@pytest.fixture(scope="module")
def variables(model, recorded):
    layers = weight_layers(model.keras_model)

    def variable(name):
        layer, _, weight = name.rpartition("/")
        return {f"{v.name}:0": v for v in layers[layer].weights}[weight]

    return [variable(str(name)) for name in recorded["weight_names"]]


@pytest.fixture(scope="module")
def gradients(model, inputs, samples, rpn_targets, mask_targets, variables):
    """({loss: value}, gradients_of): gradients_of(loss) -> [gradient of each variable].

    A backward pass through ResNet-50 takes six seconds.
    """
    if keras.backend.backend() != "tensorflow":
        pytest.skip("written with TensorFlow's tape")
    import tensorflow as tf

    detector = model.keras_model
    with pytest.MonkeyPatch.context() as patch, tf.GradientTape(persistent=True) as tape:
        patch.setattr(mask_head, "crop", lambda *_: ops.convert_to_tensor(mask_targets))
        pyramid = detector.run(inputs["images"], last="pyramid", training=True)["pyramid"]
        losses = rpn_losses(
            detector.rpn.at(pyramid, ops.convert_to_tensor(rpn_targets["index"])), rpn_targets
        )
        outputs = detector._run_heads(detector.heads, pyramid, samples.rois, samples, training=True)
        for head in detector.heads:
            losses |= head.compute_losses(outputs[head.name], head.rows_of(samples))
        losses["total"] = sum(losses.values())
    values = [v.value for v in variables]

    @functools.cache
    def gradients_of(name):
        found = tape.gradient(losses[name], values)
        return [None if g is None else np.asarray(g) for g in found]

    return {name: float(loss) for name, loss in losses.items()}, gradients_of


def test_losses(gradients, recorded):
    losses, _ = gradients
    for name, wanted in zip(recorded["loss_names"], recorded["losses"]):
        assert losses[str(name)] == pytest.approx(wanted, rel=1e-5), name
    assert losses["total"] == pytest.approx(float(recorded["loss_total"]), rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "total",
        # These two reach furthest; the total holds both.
        pytest.param("mrcnn_class_loss", marks=pytest.mark.full),
        pytest.param("mrcnn_mask_loss", marks=pytest.mark.full),
    ],
)
def test_norms_of_gradients(gradients, recorded, loss):
    """No gradient leaks into the region proposals here, since the rois are given."""
    found = gradients[1](loss)
    norms = np.array(
        [0.0 if g is None else np.sqrt((g.astype(np.float64) ** 2).sum()) for g in found]
    )
    wanted = np.maximum(recorded[f"grad_norm_{loss}"], 0.0)  # -1 stands for no gradient
    np.testing.assert_allclose(norms, wanted, rtol=1e-3, atol=1e-6 * wanted.max())


def test_gradients(gradients, recorded):
    total, names = gradients[1]("total"), [str(n) for n in recorded["weight_names"]]
    for key in (k for k in recorded.files if k.startswith("grad_full/")):
        found, wanted = total[names.index(key[10:].replace("|", "/"))], recorded[key]
        assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max(), key


def test_one_step_of_its_optimiser(gradients, recorded, variables, model):
    """Matterport's step on TensorFlow 2: weight decay inside the loss, and a clip of every tensor
    by itself, which was never meant."""
    names = [str(n) for n in recorded["weight_names"]]
    decayed = []
    for name, variable, gradient in zip(names, variables, gradients[1]("total")):
        gradient = np.zeros(variable.shape) if gradient is None else gradient.astype(np.float64)
        if not name.endswith(("gamma:0", "beta:0")):
            gradient = (
                gradient
                + 2 * model.config.WEIGHT_DECAY * np.asarray(variable) / np.asarray(variable).size
            )
        decayed.append(ops.convert_to_tensor(gradient.astype(np.float32)))
    weights = [keras.Variable(np.zeros(variable.shape, np.float32)) for variable in variables]
    keras.optimizers.SGD(0.001, momentum=0.9, clipnorm=5.0).apply(decayed, weights)
    norms = [np.sqrt((np.asarray(weight, np.float64) ** 2).sum()) for weight in weights]
    np.testing.assert_allclose(norms, recorded["step_delta_norm"], rtol=2e-3, atol=1e-9)


def test_mask_targets_differ_where_crop_and_resize_reads_beyond_the_edge_only(
    samples, mask_targets
):
    rows = samples.positive_rows()
    ours = np.asarray(
        crop(rows.gather("gt_masks"), rows.gather("gt_mask_frames"), rows.rois, (28, 28), CORNERS)
    )
    differ = np.round(ours) != mask_targets
    assert differ.sum() <= 20 and (np.round(ours)[differ] == 1).all()
    logits = ops.zeros(mask_targets.shape)
    one, other = (
        float(
            masked_mean(
                ops.mean(binary_cross_entropy(logits, ops.convert_to_tensor(t)), axis=(2, 3)),
                rows.is_positive,
            )
        )
        for t in (np.round(ours), mask_targets)
    )
    assert one == pytest.approx(other, rel=1e-4)


def test_padding_was_trained_on_and_is_not_any_more(model, gradients, samples, inputs, recorded):
    """What the same loss is when rows of padding count as background, as above, and when they do
    not count."""
    detector = model.keras_model
    pyramid = detector.run(inputs["images"], last="pyramid")["pyramid"]
    outputs = detector._run_heads(detector.heads, pyramid, samples.rois, samples)["box_head"]
    label = np.asarray(samples.label).copy()
    label[:, 100:] = -1
    rows = RoISamples(
        samples.rois,
        ops.convert_to_tensor(label),
        samples.gt_index,
        samples.ground_truth,
        samples.max_positives,
        CORNERS,
    )
    loss = float(detector.box_head.compute_losses(outputs, rows)["mrcnn_class_loss"])
    assert gradients[0]["mrcnn_class_loss"] == pytest.approx(
        6.9000669, rel=1e-5
    ) and loss == pytest.approx(7.2872992, rel=1e-4)
