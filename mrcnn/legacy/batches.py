"""Batches as Matterport's model was fed: lists of padded arrays. For inspection and training loops of one's own."""

import itertools

import keras
import numpy as np

from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.legacy.backbone import compute_backbone_shapes
from mrcnn.legacy.examples import load_image_gt
from mrcnn.legacy.images import mold_image
from mrcnn.legacy.targets import build_detection_targets, build_rpn_targets, generate_random_rois
from mrcnn.ops.anchors import level_anchors


class DataGenerator(keras.utils.PyDataset):
    """Batches of a data set, one epoch of them; `generator[i]` is batch i. `MaskRCNN.train` makes its own.

    shuffle: visits the images in a new order in each epoch, every image once; augmentation: see `load_image_gt`; augment: deprecated,
    likewise; random_rois: so many random rois are added to the inputs; detection_targets: and what the heads should have said of
    a sample of them; no_augmentation_sources: sources whose images are left as they are; batch_size: None takes the config's.

    A batch is (inputs, outputs), two lists, B images, M = MAX_GT_INSTANCES, K classes, R = TRAIN_ROIS_PER_IMAGE:
    images (B, H, W, 3) float32, molded; image_meta (B, 12 + K); rpn_match (B, A, 1) int32; rpn_bbox (B, RPN_TRAIN_ANCHORS_PER_IMAGE,
    4); gt_class_ids (B, M) int32; gt_boxes (B, M, 4) int32 yxyx, pixels; gt_masks (B, h, w, M) bool; with random_rois
    rpn_rois (B, random_rois, 4) int32; with detection_targets rois (B, R, 4) int32 and, as outputs, class ids (B, R, 1) int32, deltas
    (B, R, K, 4) and masks (B, R, *MASK_SHAPE, K). It is a function of (SEED, epoch, i) alone.
    """

    def __init__(
        self,
        dataset,
        config,
        shuffle=True,
        augmentation=None,
        random_rois=0,
        detection_targets=False,
        augment=False,
        no_augmentation_sources=None,
        batch_size=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not len(dataset.image_ids):
            raise ValueError(
                "The data set holds no images. Call add_image for each, then prepare()."
            )
        if detection_targets and not random_rois:
            raise ValueError(
                "detection_targets are made for random_rois, and there are none. Set random_rois, 1000 for instance."
            )
        self.dataset, self.config = dataset, config
        self.augmentation, self.augment = augmenter_of(augmentation), augment
        self.random_rois, self.detection_targets = random_rois, detection_targets
        self.no_augmentation_sources = set(no_augmentation_sources or ())
        self.batch_size = batch_size or config.BATCH_SIZE
        self.sampler = (
            RepeatSampler(np.ones(len(dataset.image_ids)), config.SEED) if shuffle else None
        )
        self.epoch, self._anchors = 0, {}

    def __len__(self):
        return -(-len(self.dataset.image_ids) // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches an epoch. Got index {index}.")
        return self.batch(self.epoch * len(self.dataset.image_ids) + index * self.batch_size)

    def on_epoch_end(self):
        self.epoch += 1

    def batch(self, start):
        """The batch of the images at places `start` and following, counted through all epochs; the last of an epoch takes what it
        lacks from the next."""
        examples = [self._example(position) for position in range(start, start + self.batch_size)]
        sizes = {example[0].shape for example in examples}
        if len(sizes) > 1:
            raise ValueError(
                f"The images of one batch must be of one size. Got {sorted(sizes)}, since IMAGE_RESIZE_MODE "
                f"{self.config.IMAGE_RESIZE_MODE!r} lets each keep its own. Use 'square' or 'crop', or a batch_size of 1."
            )
        columns = [np.stack(column) for column in zip(*examples)]
        return (columns[:-3], columns[-3:]) if self.detection_targets else (columns, [])

    def _example(self, position):
        """The arrays of one image, without the axis of the batch."""
        config, rng = self.config, np.random.default_rng([self.config.SEED, position])
        image_id = self._image_id(position)
        plain = self.dataset.image_info[image_id]["source"] in self.no_augmentation_sources
        image, meta, class_ids, boxes, masks = load_image_gt(
            self.dataset,
            config,
            image_id,
            augment=self.augment and not plain,
            augmentation=None if plain else self.augmentation,
            use_mini_mask=config.USE_MINI_MASK,
            rng=rng,
        )
        if len(class_ids) > config.MAX_GT_INSTANCES:
            chosen = np.sort(rng.choice(len(class_ids), config.MAX_GT_INSTANCES, replace=False))
            class_ids, boxes, masks = class_ids[chosen], boxes[chosen], masks[:, :, chosen]
        seeds = rng.integers(2**31 - 1, size=2)
        rpn_match, rpn_bbox = build_rpn_targets(
            image.shape, self._anchors_of(image.shape), class_ids, boxes, config, seed=seeds[0]
        )
        missing = config.MAX_GT_INSTANCES - len(class_ids)
        example = [
            mold_image(image, config),
            meta,
            rpn_match[:, None],
            rpn_bbox,
            np.pad(class_ids, (0, missing)),
            np.pad(boxes, [(0, missing), (0, 0)]),
            np.pad(masks, [(0, 0), (0, 0), (0, missing)]),
        ]
        if self.random_rois:
            rpn_rois = generate_random_rois(
                image.shape, self.random_rois, class_ids, boxes, rng=rng
            )
            example.append(rpn_rois)
        if self.detection_targets:
            rois, ids, deltas, small = build_detection_targets(
                rpn_rois, class_ids, boxes, masks, config, seed=seeds[1]
            )
            example += [rois, ids[:, None], deltas, small]
        return example

    def _image_id(self, position):
        return int(
            self.dataset.image_ids[
                sampled_index(self.sampler, len(self.dataset.image_ids), position)
            ]
        )

    def _anchors_of(self, image_shape):
        c = self.config
        if image_shape not in self._anchors:
            shapes, (scales, ratios) = compute_backbone_shapes(c, image_shape), c.anchor_shapes
            self._anchors[image_shape] = np.concatenate(
                [
                    level_anchors(
                        [n * stride for n in shape], stride, scale, ratios, c.RPN_ANCHOR_STRIDE
                    )
                    for shape, stride, scale in zip(shapes, c.BACKBONE_STRIDES, scales, strict=True)
                ]
            )
        return self._anchors[image_shape]


def data_generator(
    dataset,
    config,
    shuffle=True,
    augment=False,
    augmentation=None,
    random_rois=0,
    batch_size=1,
    detection_targets=False,
    no_augmentation_sources=None,
):
    """The batches of `DataGenerator`, without an end: for `next(...)`."""
    batches = DataGenerator(
        dataset,
        config,
        shuffle,
        augmentation,
        random_rois,
        detection_targets,
        augment,
        no_augmentation_sources,
        batch_size,
    )
    return (batches.batch(start) for start in itertools.count(0, batch_size))
