"""What every head promises, in one set of tests: those of the library, and the application's."""

import keras
import numpy as np
import pytest
from keras import ops

from fashion.attributes.bodies import CELLS
from fashion.attributes.head import AttributeHead
from fashion.attributes.losses import AttributeLoss
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.mask_head import MaskHead
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.losses import binary_cross_entropy, masked_mean
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE
from mrcnn.weights.layer_files import own_weights

B, R, M, CLASSES, ATTRIBUTES, POSITIVES = 2, 7, 4, 5, 6, 3
LABEL = np.int32(
    [
        [POSITIVE, POSITIVE, IGNORE, NEGATIVE, NEGATIVE, NEGATIVE, IGNORE],
        [POSITIVE, IGNORE, IGNORE, NEGATIVE, IGNORE, IGNORE, IGNORE],
    ]
)


class Builder(RoIHead):
    """A head as Keras' own layers are written: `build` makes a weight of the head's own, and the
    layers inside are made before.
    """

    loss_names = ("mrcnn_object_loss",)

    def __init__(self):
        super().__init__(name="mrcnn_builder")
        self.dense = keras.layers.Dense(1, name="mrcnn_object")

    def build(self, input_shape):
        self.query = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="query")

    def call(self, inputs, training=False):
        return {"logits": ops.cast(self.dense(inputs * self.query), "float32")}

    def compute_losses(self, outputs, samples):
        return {
            "mrcnn_object_loss": masked_mean(
                binary_cross_entropy(outputs["logits"][..., 0], samples.is_positive), samples.valid
            )
        }

    def describe(self, outputs, class_ids):
        return {"object_scores": ops.sigmoid(outputs["logits"])}


HEADS = {
    "box": (lambda: BoxHead(CLASSES, 32, 3, (0.1, 0.1, 0.2, 0.2), name="box_head"), (3, 3, 4)),
    "mask": (lambda: MaskHead(CLASSES, 4, 4, name="mask_head"), (4, 4, 4)),
    "box with statistics": (
        lambda: BoxHead(CLASSES, 32, 3, (0.1, 0.1, 0.2, 0.2), True, name="box_head"),
        (3, 3, 4),
    ),
    "refined mask": (lambda: MaskHead(CLASSES, 4, 4, refines=True, name="mask_head"), (4, 4, 4)),
    "later box": (
        lambda: BoxHead(CLASSES, 32, 3, stage=2, class_agnostic=True, name="box_head_stage2"),
        (3, 3, 4),
    ),
    "mask with statistics": (lambda: MaskHead(CLASSES, 4, 4, True, name="mask_head"), (4, 4, 4)),
    "attributes": (lambda: AttributeHead(ATTRIBUTES), (8,)),
    "attributes of the report": (
        lambda: attribute_head(
            "mlp", num_classes=CLASSES, loss=AttributeLoss("focal"), empty="background"
        ),
        (8,),
    ),
    "attributes everywhere": (
        lambda: attribute_head("mlp", rois="all", loss=AttributeLoss(hard_negatives=2)),
        (8,),
    ),
    "attributes by convolutions": (
        lambda: attribute_head("conv", loss=AttributeLoss("asymmetric"), empty="exclude"),
        (CELLS, CELLS, 4),
    ),
    "attributes with statistics": (
        lambda: attribute_head("conv", update_statistics=True),
        (CELLS, CELLS, 4),
    ),
    "weights made in build": (Builder, (8,)),
    "attributes by attention": (
        lambda: attribute_head("attention", num_classes=CLASSES, rois="all"),
        (CELLS, CELLS, 4),
    ),
}


def attribute_head(body, **options):
    return AttributeHead(
        ATTRIBUTES, body, hidden=8, channels=8, groups=[0, 0, 1, 1, 2, 1], **options
    )


@pytest.fixture(scope="module", params=HEADS)
def head_and_shape(request):
    """Built once for all tests: none of them depends on the weights or changes them."""
    make, input_shape = HEADS[request.param]
    keras.utils.set_random_seed(0)
    return make(), (B, R, *input_shape)


@pytest.fixture
def head_and_inputs(head_and_shape, rng):
    head, shape = head_and_shape
    return head, rng.normal(size=shape).astype(np.float32)


def samples_of(label=LABEL):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 50, (B, M, 2))
    boxes = np.concatenate([low, low + rng.uniform(10, 50, (B, M, 2))], axis=-1).astype(np.float32)
    gt_index = rng.integers(0, M, (B, R)).astype(np.int32)
    rois = np.take_along_axis(boxes, gt_index[..., None], axis=1) + rng.normal(
        0, 2, (B, R, 4)
    ).astype(np.float32)
    truth = {
        "gt_class_ids": rng.integers(1, CLASSES, (B, M)).astype(np.int32),
        "gt_boxes": boxes,
        "gt_mask_frames": boxes,
        "gt_masks": (rng.random((B, M, 8, 8)) < 0.5).astype(np.uint8),
        "gt_attributes": (rng.random((B, M, ATTRIBUTES)) < 0.5).astype(np.float32),
    }
    truth = {name: ops.convert_to_tensor(column) for name, column in truth.items()}
    return RoISamples(
        *(ops.convert_to_tensor(a) for a in (rois, label, gt_index)), truth, POSITIVES
    )


def losses(head, inputs, label=LABEL):
    rows = head.rows_of(samples_of(label))
    outputs = head.run(inputs[:, : rows.label.shape[1]], True, rows)
    return head.compute_losses(outputs, rows)


@pytest.mark.slow
def test_outputs_have_a_row_for_each_roi(head_and_inputs):
    head, inputs = head_and_inputs
    for output in head(inputs).values():
        assert tuple(output.shape[:2]) == (B, R)


@pytest.mark.slow
def test_losses_are_finite_float32_scalars_of_the_promised_names(head_and_inputs):
    found = losses(*head_and_inputs)
    assert tuple(found) == head_and_inputs[0].loss_names
    for loss in found.values():
        assert loss.shape == () and "float32" in str(loss.dtype) and np.isfinite(loss) and loss > 0


@pytest.mark.slow
@pytest.mark.parametrize("label", [NEGATIVE, IGNORE])
def test_without_a_positive_roi_the_losses_are_finite(head_and_inputs, label):
    assert all(
        np.isfinite(loss) for loss in losses(*head_and_inputs, np.full_like(LABEL, label)).values()
    )


@pytest.mark.slow
def test_padded_rois_change_no_loss(head_and_inputs, rng):
    head, inputs = head_and_inputs
    before = losses(head, inputs)
    inputs[LABEL == IGNORE] = 10 * rng.normal(size=inputs[LABEL == IGNORE].shape)
    for name, loss in losses(head, inputs).items():
        np.testing.assert_allclose(loss, before[name], rtol=1e-6)


@pytest.mark.slow
def test_padded_rois_train_nothing_and_positive_ones_do(head_and_inputs, gradient):
    head, inputs = head_and_inputs
    head(inputs)
    learned = gradient(lambda x: sum(losses(head, x).values()), inputs)
    assert np.isfinite(learned).all() and (learned[LABEL == IGNORE] == 0).all()
    assert (np.abs(learned[LABEL == POSITIVE]).reshape(3, -1).max(axis=1) > 0).all()
    assert (learned[LABEL == NEGATIVE] == 0).all() == head.positives_only


@pytest.mark.slow
def test_without_a_roi_that_counts_nothing_is_trained(head_and_inputs, gradient):
    head, inputs = head_and_inputs
    head(inputs)
    learned = gradient(lambda x: sum(losses(head, x, np.full_like(LABEL, IGNORE)).values()), inputs)
    assert (learned == 0).all()


@pytest.mark.slow
def test_descriptions_are_finite_fields_with_a_row_for_each_detection(head_and_inputs):
    head, inputs = head_and_inputs
    class_ids = np.int32([[1, 2, 3, 4, 1, 0, 0], [0] * R])  # 0: padding
    for field in head.describe(head(inputs), ops.convert_to_tensor(class_ids)).values():
        field = np.asarray(field)
        assert field.shape[:2] == (B, R) and field.dtype == np.float32
        assert field.min() >= 0 and field.max() <= 1


@pytest.mark.slow
def test_a_heads_layers_are_trained_by_layers_heads(head_and_inputs):
    head, inputs = head_and_inputs
    head(inputs)
    owners = [layer.name for layer in head._flatten_layers() if own_weights(layer)]
    assert owners and all(name.startswith("mrcnn_") for name in owners)
