"""Batches as Matterport's loader makes them: lists of padded arrays, for custom training loops."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.legacy.backbone import compute_backbone_shapes
from mrcnn.legacy.examples import load_image_gt
from mrcnn.legacy.images import mold_image
from mrcnn.legacy.targets import build_detection_targets, build_rpn_targets, generate_random_rois
from mrcnn.ops.anchors import level_anchors
from mrcnn.typing import Array

Batch = tuple[list[Array], list[Array]]


class DataGenerator(keras.utils.PyDataset):
    """Batches of one epoch of a dataset. `MaskRCNN.train` makes its own.

    A batch is a function of (SEED, epoch, index) alone. It is a pair of lists, `(inputs, outputs)`,
    with B images, M = MAX_GT_INSTANCES objects, K classes and R = TRAIN_ROIS_PER_IMAGE RoIs:

    * images `(B, H, W, 3)` float32, normalised; image_meta `(B, 12 + K)`;
    * rpn_match `(B, A, 1)` int32; rpn_bbox `(B, RPN_TRAIN_ANCHORS_PER_IMAGE, 4)` float32;
    * gt_class_ids `(B, M)` int32; gt_boxes `(B, M, 4)` int32 yxyx, pixels; gt_masks `(B, h, w, M)`
      bool;
    * with random_rois: rpn_rois `(B, random_rois, 4)` int32;
    * with detection_targets: rois `(B, R, 4)` int32 and, as outputs, class ids `(B, R, 1)` int32,
      deltas `(B, R, K, 4)` and masks `(B, R, *MASK_SHAPE, K)` float32.

    Args:
        dataset: Prepared.
        config: All settings.
        shuffle: Visit the images in a new order in each epoch, every image once.
        augmentation: See `load_image_gt`.
        random_rois: Number of random RoIs to add to the inputs.
        detection_targets: Add targets of the heads for a sample of them.
        augment: Deprecated, see `load_image_gt`.
        no_augmentation_sources: Sources whose images are not augmented.
        batch_size: None for that of the config.
        **kwargs: Of `keras.utils.PyDataset`.

    Raises:
        ValueError: The dataset is empty, or arguments contradict each other.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        detection_targets: bool = False,
        augment: bool = False,
        no_augmentation_sources: Iterable[str] | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not len(dataset.image_ids):
            raise ValueError(
                "The dataset holds no images. Call add_image for each, then prepare()."
            )
        if detection_targets and not random_rois:
            raise ValueError(
                "detection_targets are made for random_rois, and there are none. Set random_rois, "
                "for example to 1000."
            )
        self.dataset, self.config = dataset, config
        self.augmentation, self.augment = augmenter_of(augmentation), augment
        self.random_rois, self.detection_targets = random_rois, detection_targets
        self.no_augmentation_sources = set(no_augmentation_sources or ())
        self.batch_size = batch_size or config.BATCH_SIZE
        self.sampler = (
            RepeatSampler(np.ones(len(dataset.image_ids)), config.SEED) if shuffle else None
        )
        self.epoch = 0
        self._anchors: dict[Any, Array] = {}

    def __len__(self) -> int:
        return -(-len(self.dataset.image_ids) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches in an epoch. Got index {index}.")
        return self.batch(self.epoch * len(self.dataset.image_ids) + index * self.batch_size)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def batch(self, start: int) -> Batch:
        """Makes a batch of consecutive images.

        Args:
            start: Place of the first image, counted through all epochs. The last batch of an epoch
                is filled with images of the next.

        Returns:
            `(inputs, outputs)`.

        Raises:
            ValueError: The images have different sizes.
        """
        examples = [self._example(position) for position in range(start, start + self.batch_size)]
        sizes = {example[0].shape for example in examples}
        if len(sizes) > 1:
            raise ValueError(
                f"The images of one batch must be of one size. Got {sorted(sizes)}, since "
                f"IMAGE_RESIZE_MODE {self.config.IMAGE_RESIZE_MODE!r} lets each keep its own. Use "
                "'square' or 'crop', or a batch_size of 1."
            )
        columns = [np.stack(column) for column in zip(*examples)]
        return (columns[:-3], columns[-3:]) if self.detection_targets else (columns, [])

    def _example(self, position: int) -> list[Array]:
        """The arrays of one image, without the batch axis."""
        # A generator for each image: workers may load them in any order.
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
        # Chosen at random, as Matterport does: the first ones would always be the same.
        if len(class_ids) > config.MAX_GT_INSTANCES:
            chosen = np.sort(rng.choice(len(class_ids), config.MAX_GT_INSTANCES, replace=False))
            class_ids, boxes, masks = class_ids[chosen], boxes[chosen], masks[:, :, chosen]
        # Both are drawn even if one is unused: an option must not change the other's sample.
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

    def _image_id(self, position: int) -> int:
        return int(
            self.dataset.image_ids[
                sampled_index(self.sampler, len(self.dataset.image_ids), position)
            ]
        )

    def _anchors_of(self, image_shape: Sequence[int]) -> Array:
        c = self.config
        if image_shape not in self._anchors:
            shapes, (scales, ratios) = compute_backbone_shapes(c, image_shape), c.anchor_shapes
            levels = []
            for (height, width), stride, scale in zip(
                shapes, c.BACKBONE_STRIDES, scales, strict=True
            ):
                image_hw = height * stride, width * stride
                levels.append(level_anchors(image_hw, stride, scale, ratios, c.RPN_ANCHOR_STRIDE))
            self._anchors[image_shape] = np.concatenate(levels)
        return self._anchors[image_shape]


def data_generator(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Iterable[str] | None = None,
) -> Iterator[Batch]:
    """Makes the batches of a `DataGenerator` without end, for `next(...)`.

    Args:
        dataset: As for `DataGenerator`.
        config: Likewise.
        shuffle: Likewise.
        augment: Likewise.
        augmentation: Likewise.
        random_rois: Likewise.
        batch_size: Images in a batch.
        detection_targets: As for `DataGenerator`.
        no_augmentation_sources: Likewise.

    Returns:
        An iterator over `(inputs, outputs)`.
    """
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
