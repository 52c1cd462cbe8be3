"""What every attribute head promises, whatever its body, loss and targets: it learns, is saved and
loaded, and compiles."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from fashion.attributes.bodies import CELLS
from fashion.attributes.head import BODIES, AttributeHead
from fashion.attributes.losses import EMPTY, KINDS, ROIS, AttributeLoss
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.matching import NEGATIVE, POSITIVE
from mrcnn.weights.layer_files import load_weights, save_weights

IMAGES, GARMENTS, CLASSES, ATTRIBUTES = 4, 3, 4, 6
ALL = list(itertools.product(BODIES, (False, True), KINDS, ROIS, EMPTY))
# One that learns takes seconds, so each value of each setting is tried once with all bodies, or
# with one; the first four try each body and each loss.
LEARNT = [
    ("linear", True, "focal", "positives", "none"),
    ("mlp", False, "asymmetric", "positives", "none"),
    ("conv", True, "focal", "positives", "exclude"),
    ("attention", False, "bce", "all", "background"),
    ("linear", False, "bce", "positives", "none"),
    ("mlp", True, "focal", "positives", "background"),
    ("mlp", False, "bce", "all", "exclude"),
    ("mlp", True, "bce", "all", "background"),
    ("attention", True, "asymmetric", "all", "none"),
    ("conv", False, "bce", "all", "none"),
]


class Alone(keras.Model):
    """A head that is shown features in place of a detector's."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def call(self, inputs, training=False):
        return self.head(inputs["features"], training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return sum(self.head.compute_losses(y_pred, samples_of(x)).values())


def samples_of(x):
    truth = {name: x[name] for name in ("gt_attributes", "gt_class_ids")}
    return RoISamples(
        ops.zeros_like(x["label"])[..., None] * ops.ones((4,), "int32"),
        x["label"],
        x["gt_index"],
        truth,
        x["label"].shape[1],
    )


def photos(head, rng):
    """Three garments in each of four photos, the last of them without attributes, and where it is
    asked for a roi on the background."""
    rows = GARMENTS + (not head.positives_only)
    cells = (CELLS, CELLS, 8) if head.reads == "pooled" else (32,)
    attributes = (rng.random((IMAGES, GARMENTS, ATTRIBUTES)) < 0.4).astype(np.float32)
    attributes[:, :2, 0] = 1
    attributes[:, 2] = 0
    label = np.full((IMAGES, rows), POSITIVE, np.int32)
    label[:, GARMENTS:] = NEGATIVE
    return {
        "features": rng.normal(size=(IMAGES, rows, *cells)).astype(np.float32),
        "gt_attributes": attributes,
        "label": label,
        "gt_class_ids": rng.integers(1, CLASSES, (IMAGES, GARMENTS)).astype(np.int32),
        "gt_index": np.tile(np.arange(rows, dtype=np.int32) % GARMENTS, (IMAGES, 1)),
    }


def make(body, per_class, loss, rois, empty):
    return AttributeHead(
        ATTRIBUTES,
        body,
        hidden=32,
        channels=16,
        num_classes=CLASSES if per_class else None,
        groups=[0, 0, 1, 1, 2, 2],
        loss=AttributeLoss(loss),
        rois=rois,
        empty=empty,
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body, marks=pytest.mark.slow if body == "mlp" else pytest.mark.full)
        for body in BODIES
    ],
)
def test_every_combination_has_a_finite_loss_and_scores(body):
    for case in (case for case in ALL if case[0] == body):
        head = make(*case)
        data = photos(head, np.random.default_rng(1))
        outputs = head(data["features"])
        (loss,) = head.compute_losses(
            outputs,
            samples_of({name: ops.convert_to_tensor(column) for name, column in data.items()}),
        ).values()
        scores = head.describe(outputs, padded(data))["attribute_scores"]
        assert np.isfinite(float(loss)) and float(loss) > 0, case
        assert (
            tuple(scores.shape) == (*data["label"].shape, ATTRIBUTES) and np.isfinite(scores).all()
        ), case


@pytest.mark.parametrize(
    ("body", "per_class", "loss", "rois", "empty", "xla"),
    [
        # Of the first four, XLA compiles the body of the most operations; compiling takes seconds.
        pytest.param(*case, case[0] == "attention", marks=pytest.mark.slow)
        if i < 4
        else pytest.param(*case, True, marks=pytest.mark.full)
        for i, case in enumerate(LEARNT)
    ],
)
def test_a_head_learns_four_photos_by_heart(body, per_class, loss, rois, empty, xla, tmp_path):
    """Compiled, saved and loaded as well."""
    keras.utils.set_random_seed(0)

    def head():
        return make(body, per_class, loss, rois, empty)

    model = Alone(head())
    data = photos(model.head, np.random.default_rng(0))
    model.compile(optimizer=keras.optimizers.Adam(0.03), jit_compile=xla)
    model(data)
    model.optimizer.build(model.trainable_variables)  # else the first step is compiled twice
    history = []
    for _ in range(100):
        model.reset_metrics()  # else it tells the mean of all steps
        history.append(float(model.train_on_batch(data)))
    assert np.isfinite(history).all() and history[-1] < history[0] / 4

    rows = GARMENTS if empty != "exclude" else 2  # what is left out is not known
    outputs = model.predict_on_batch(data)
    scores = np.array(model.head.describe(outputs, padded(data))["attribute_scores"])
    said, real = scores[:, :rows] >= 0.5, data["gt_attributes"][:, :rows] > 0
    assert 2 * (said & real).sum() / (said.sum() + real.sum()) > 0.95
    if rois == "all" and empty != "background":
        assert scores[:, GARMENTS:].max() < 0.5

    save_weights(model, tmp_path / "head.h5")
    other = Alone(head())
    other(data)
    load_weights(other, tmp_path / "head.h5")
    np.testing.assert_allclose(
        other.predict_on_batch(data)["logits"], outputs["logits"], rtol=1e-4, atol=1e-4
    )


def padded(data):
    """Class ids of every row; 0 on the background."""
    ids = np.take_along_axis(data["gt_class_ids"], data["gt_index"], axis=1)
    return np.where(data["label"] == POSITIVE, ids, 0)


def test_outputs_of_a_class_are_those_of_the_class():
    """Of the logits of two classes the truth's learn, and the prediction's are told."""
    head = AttributeHead(2, num_classes=3)
    logits = ops.convert_to_tensor(np.float32([[[[0, 5, -5], [0, -5, 5]]]]))  # (1, 1, T, K)
    for class_id, expected in ((1, [1, 0]), (2, [0, 1]), (0, [0.5, 0.5])):
        scores = head.describe({"logits": logits}, ops.convert_to_tensor([[class_id]]))[
            "attribute_scores"
        ]
        np.testing.assert_allclose(scores, [[expected]], atol=0.01)
    truth = {
        "gt_attributes": ops.convert_to_tensor(np.float32([[[1, 0]]])),
        "gt_class_ids": ops.convert_to_tensor(np.int32([[1]])),
    }
    samples = RoISamples(
        ops.zeros((1, 1, 4)),
        ops.convert_to_tensor(np.int32([[POSITIVE]])),
        ops.convert_to_tensor([[0]]),
        truth,
        1,
    )
    assert float(head.compute_losses({"logits": logits}, samples)["mrcnn_attribute_loss"]) < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"body": "cnn"},
            "body of an attribute head is one of linear, mlp, conv, attention. Got 'cnn'",
        ),
        ({"rois": "none"}, "rois of an attribute head is one of positives, all. Got 'none'"),
        (
            {"empty": "no"},
            "empty of an attribute head is one of none, exclude, background. Got 'no'",
        ),
        ({"body": "attention"}, "needs a group for each of 5 attributes"),
        ({"body": "attention", "groups": [0, 1]}, "needs a group for each"),
    ],
)
def test_what_is_no_head_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AttributeHead(5, **options)
