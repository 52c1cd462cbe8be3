"""The old names beside numbers recorded from Matterport's own code:
../shared/reference/legacy/golden_components.npz.

Their inputs are drawn again by components_inputs.py, which lies with them. Which settings made them
was found by trying: Matterport's
defaults, an image of 512 x 512 and, where classes count, 11 of them reproduce every number. Two
things cannot be known: which negative
anchors Matterport drew, and why its anchors of `proposals` were normalised as they were; see there.
"""

import numpy as np
import pytest
from keras import ops

from mrcnn.config import Config
from mrcnn.legacy.backbone import compute_backbone_shapes
from mrcnn.legacy.examples import compose_image_meta, parse_image_meta
from mrcnn.legacy.images import mold_image
from mrcnn.legacy.layers import DetectionLayer, DetectionTargetLayer, ProposalLayer, PyramidROIAlign
from mrcnn.legacy.targets import build_rpn_targets
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.boxes import decode, pairwise_iou
from mrcnn.ops.losses import binary_cross_entropy, masked_mean, smooth_l1, softmax_cross_entropy
from mrcnn.ops.pixel_convention import to_unit

SIDE = (512, 512)


@pytest.fixture(scope="module")
def drawn(script):
    """The module components_inputs, and `photo`, the image that was molded."""
    inputs = script("components_inputs")
    inputs.photo = script("make_weights").image(31)[:300, :410]
    return inputs


def config(**settings):
    return Config.from_dict(
        {"IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 512, "NUM_CLASSES": 11} | settings
    )


def metas(windows=((0, 0, 512, 512),) * 2):
    return np.stack(
        [
            compose_image_meta(0, (512, 512, 3), (512, 512, 3), window, 1, np.ones(11))
            for window in windows
        ]
    )


def anchors(anchor_stride):
    c = config()
    return pyramid_anchors(
        SIDE, c.BACKBONE_STRIDES, c.RPN_ANCHOR_SCALES, c.RPN_ANCHOR_RATIOS, anchor_stride
    )


# RoIAlign


@pytest.mark.parametrize("size", [7, 14])
def test_pooled_features_differ_only_where_matterport_reads_zero_beyond_the_edge(
    components, drawn, size
):
    """Of 10 boxes that end at 1.0 one loses its last column to rounding; the others, a zero box, an
    inverted one and so on, agree."""
    levels, boxes = drawn.roi_align()
    pooled, recorded = (
        np.asarray(PyramidROIAlign([size, size])([boxes, metas(), *levels])),
        components[f"roi_align_{size}"],
    )
    lost = (recorded == 0).all(axis=-1)
    assert np.argwhere(lost).tolist() == [[1, 52, row, size - 1] for row in range(size)]
    assert boxes[1, 52, 3] == 1.0 and (boxes[..., 2:] == 1.0).any(axis=-1).sum() == 10
    np.testing.assert_allclose(
        pooled[~lost], recorded[~lost], atol=1e-4
    )  # float32 of samples in a grid of 128
    boxes[1, 52, 3] -= 1e-6  # a hair inside, nothing is lost
    inside = np.asarray(PyramidROIAlign([size, size])([boxes, metas(), *levels]))
    np.testing.assert_allclose(pooled[1, 52], inside[1, 52], atol=1e-3)


# Proposals and detections


@pytest.mark.slow
def test_proposals(components, drawn):
    """All 200 of both images, in their order.

    The recorded boxes, moved back by their deltas, are (y1, x1, y2 - 2, x2 - 2) / 510 of the
    anchors in pixels, where Matterport's
    norm_boxes gives (y1, x1, y2 - 1, x2 - 1) / 511. Why is not known; the layer is told the same.
    """
    probabilities, deltas = drawn.proposals(int(components["proposal_n_anchors"]))
    told = to_unit(anchors(2) - np.float32([0, 0, 1, 1]), (511, 511)).astype(np.float32)
    best = probabilities[0, :, 1].argmax()
    np.testing.assert_allclose(
        np.asarray(decode(deltas[0, best], told[best] * 511, config().RPN_BBOX_STD_DEV)) / 511,
        components["proposals"][0, 0],
        atol=1e-6,
    )
    proposals = ProposalLayer(200, 0.7, config())([probabilities, deltas, np.stack([told, told])])
    np.testing.assert_allclose(proposals, components["proposals"], atol=1e-6)


@pytest.mark.parametrize(
    ("confidence", "counts", "empty"), [(0.7, (70, 86), (0, 10)), (0.0, (100, 100), (0, 11))]
)
def test_detections_differ_only_by_boxes_without_area(components, drawn, confidence, counts, empty):
    """Matterport makes detections of the padding, too, and drops them when unmolding; here others
    take their places."""
    rois, probabilities, deltas, windows = drawn.detection()
    layer = DetectionLayer(config(DETECTION_MIN_CONFIDENCE=confidence))
    found, recorded = (
        np.asarray(layer([rois, probabilities, deltas, metas(windows)])),
        components[f"detections_conf{confidence}"],
    )
    for ours, theirs, count, without_area in zip(found, recorded, counts, empty):
        theirs = theirs[theirs[:, 4] > 0]
        real = theirs[(theirs[:, 2:4] > theirs[:, :2]).all(axis=1)]
        assert (len(theirs), len(real)) == (count, count - without_area)
        np.testing.assert_allclose(ours[: len(real)], real, atol=1e-6)
        assert (ours[len(real) :, 4] > 0).sum() == (without_area if count == 100 else 0)


# Targets


@pytest.mark.parametrize(("mini", "bits", "rois_with_them"), [(True, 53, 2), (False, 0, 0)])
def test_detection_targets_differ_only_in_mask_rows_that_matterport_loses_at_the_edge(
    components, drawn, mini, bits, rois_with_them
):
    """59 rois, 25 of them on objects; a crowd's are neither. Matterport shuffles, so they are
    compared as sets."""
    masks, boxes, class_ids, rois = drawn.targets()
    if mini:
        masks = np.unpackbits(components["u_minimask_packed"]).reshape(56, 56, 6)
    prefix = f"dt_mini{int(mini)}_"
    theirs = {name: components[prefix + name] for name in ("rois", "ids", "bbox")}
    small = np.unpackbits(components[prefix + "mask_packed"]).reshape(59, 28, 28)
    layer = DetectionTargetLayer(config(USE_MINI_MASK=mini, NUM_CLASSES=81))
    ours = layer(
        [to_unit(rois, SIDE)[None], class_ids[None], to_unit(boxes, SIDE)[None], masks[None]]
    )
    ours = [np.asarray(column)[0] for column in ours]
    assert len(ours[0]) == 200 and not any(column[59:].any() for column in ours)
    assert [59, (ours[1] > 0).sum()] == components[prefix + "n"].tolist()

    distance = np.abs(ours[0][:59, None] - theirs["rois"]).max(axis=2)
    twin = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-6 and len(set(twin.tolist())) == 59
    np.testing.assert_array_equal(ours[1][:59], theirs["ids"][twin])
    np.testing.assert_allclose(ours[2][:59], theirs["bbox"][twin], atol=1e-5)
    differ = ours[3][:59] != small[twin]
    assert differ.sum() == bits and differ.any(axis=(1, 2)).sum() == rois_with_them
    # All lie in the last row of rois that end where their object ends. The row before it says what
    # should be there.
    assert not differ[:, :-1].any() and not small[twin][differ].any()
    for i in np.flatnonzero(differ.any(axis=(1, 2))):
        assert np.round(ours[0][i, 2] * 511) + 1 in boxes[:, 2]
        np.testing.assert_array_equal(ours[3][i, -1], ours[3][i, -2])


def test_rpn_targets(components, drawn):
    """The same 22 positive anchors with the same deltas, and 234 negative ones; of more than can be
    drawn, any will do."""
    _, boxes, class_ids, _ = drawn.targets()
    assert (class_ids < 0).tolist() == [False, False, False, False, True, False]
    match, deltas = build_rpn_targets((512, 512, 3), anchors(1), class_ids, boxes, config())
    recorded = components["rpn_match"]
    np.testing.assert_array_equal(match == 1, recorded == 1)
    assert [(m == 1).sum() for m in (match, recorded)] == [22, 22] and [
        (m == -1).sum() for m in (match, recorded)
    ] == [234, 234]
    np.testing.assert_allclose(deltas, components["rpn_bbox"], atol=5e-6)
    for m in (match, recorded):
        overlaps = np.asarray(pairwise_iou(anchors(1)[m == -1], boxes.astype(np.float32)))
        assert overlaps[:, class_ids > 0].max() < 0.3 and overlaps[:, class_ids < 0].max() < 1e-3


# Losses


def test_losses(components, drawn):
    np.testing.assert_allclose(losses(drawn.losses()), components["losses"], atol=2e-6)


def test_losses_without_positives(components, drawn):
    """Of the RPN, no anchor at all counts: were the negative ones left, its class loss would not be
    0."""
    given = drawn.losses()
    given |= {name: np.zeros_like(given[name]) for name in ("rpn_match", "target_class_ids")}
    np.testing.assert_allclose(losses(given), components["losses_no_positives"], atol=2e-6)


def losses(given):
    """The five losses of the arrays of components_inputs.losses(), in Matterport's order."""
    match, class_ids = given["rpn_match"][..., 0], given["target_class_ids"]
    rpn_targets = np.zeros_like(given["rpn_bbox"])
    for i in range(2):
        positive = np.flatnonzero(match[i] == 1)
        rpn_targets[i, positive] = given["rpn_target"][i, : len(positive)]
    on_object = (class_ids > 0).astype(np.float32)
    deltas = np.take_along_axis(given["pred_bbox"], class_ids[..., None, None], axis=2)[:, :, 0]
    masks = np.take_along_axis(given["pred_mask"], class_ids[..., None, None, None], axis=4)[..., 0]
    per_roi = ops.mean(
        binary_cross_entropy(np.log(masks / (1 - masks)), given["target_mask"]), axis=(2, 3)
    )
    return [
        float(loss)
        for loss in (
            softmax_cross_entropy(
                given["rpn_logits"], (match == 1).astype(np.int32), (match != 0).astype(np.float32)
            ),
            smooth_l1(given["rpn_bbox"], rpn_targets, (match == 1).astype(np.float32)),
            class_loss(given),
            smooth_l1(deltas, given["target_bbox"], on_object),
            masked_mean(per_roi, on_object),
        )
    ]


def class_loss(given):
    """The box head's own: it knows of the classes that an image's source does not label. Every roi
    has an object of its own here."""
    class_ids = given["target_class_ids"]
    boxes = np.zeros((*class_ids.shape, 4), np.float32)
    index = np.broadcast_to(np.arange(class_ids.shape[1], dtype=np.int32), class_ids.shape)
    truth = {"gt_class_ids": class_ids, "gt_boxes": boxes, "active_class_ids": given["active"]}
    samples = RoISamples(boxes, (class_ids > 0).astype(np.int32), index, truth, class_ids.shape[1])
    outputs = {"logits": given["class_logits"], "deltas": given["pred_bbox"]}
    return BoxHead(num_classes=11, hidden=8, pool_size=7, std=(1, 1, 1, 1)).compute_losses(
        outputs, samples
    )["mrcnn_class_loss"]


# Image metas, pixels, sizes


def test_image_meta(components):
    meta = parse_image_meta(components["meta"])
    given = {
        "image_id": 7,
        "original_image_shape": [300, 410, 3],
        "image_shape": [512, 512, 3],
        "window": [69, 0, 443, 512],
        "active_class_ids": [0, 1] * 5 + [0],
    }
    assert {name: meta[name].tolist() for name in given} == given and meta["scale"] == np.float32(
        1.2487
    )
    np.testing.assert_array_equal(compose_image_meta(**given, scale=1.2487), components["meta"])


def test_molded_pixels(components, drawn):
    np.testing.assert_allclose(
        mold_image(drawn.photo, config())[::16, ::16], components["mold_sub"], atol=1e-5
    )


@pytest.mark.parametrize("image_hw", [(512, 512), (500, 333)])
def test_sizes_of_the_levels(components, image_hw):
    name = "512" if image_hw == (512, 512) else "500x333"
    np.testing.assert_array_equal(
        compute_backbone_shapes(config(), (*image_hw, 3)), components[f"backbone_shapes_{name}"]
    )
