"""MaskHead: which pixels of a roi belong to the object?"""

import math

from keras import layers, ops

from mrcnn.modeling.convolutions import BlockConv2DTranspose, merge_blocks
from mrcnn.modeling.normalization import BatchNorm, ConvNorm
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.losses import binary_cross_entropy, masked_mean
from mrcnn.ops.masks import crop


class MaskHead(RoIHead):
    """Four convolutions and an upsampling, then one mask for each class (Mask R-CNN, fig. 4 right).

    call: (B, N, pool, pool, C) -> "logits" (B, N, 2 pool, 2 pool, K), and "cells" (B, N, pool, pool, 2, 2, C), what they are
    computed from: the features of the upsampled cells, four to each cell of the grid. Trained on positive rois alone: the others have
    no mask.
    """

    positives_only = True
    takes_any_rows = True
    loss_names = ("mrcnn_mask_loss",)

    def __init__(self, num_classes, channels, pool_size, update_statistics=False, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.convs = [
            layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_mask_conv{i}")
            for i in (1, 2, 3, 4)
        ]
        self.norms = [BatchNorm(update_statistics, name=f"mrcnn_mask_bn{i}") for i in (1, 2, 3, 4)]
        self.blocks = [
            ConvNorm(conv, norm, name=f"mrcnn_mask_block{i}")
            for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), start=1)
        ]
        self.upsample = BlockConv2DTranspose(
            channels, 2, activation="relu", name="mrcnn_mask_deconv"
        )
        self.predict = layers.Conv2D(num_classes, 1, name="mrcnn_mask")

    def call(self, inputs, training=False, used=None):
        n = ops.shape(inputs)[1]
        x = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        for block in self.blocks:
            x = ops.relu(block(x, training=training, used=used))
        cells = self.upsample(x)  # (B * N, pool, pool, 2, 2, channels)
        rows = ops.reshape(cells, (-1, cells.shape[1], cells.shape[2] * 4, cells.shape[5]))
        logits = ops.reshape(self.predict(rows), (-1, *cells.shape[1:5], self.predict.filters))
        logits = merge_blocks(logits)
        return {
            "logits": ops.reshape(logits, (-1, n, *logits.shape[1:])),
            "cells": ops.reshape(cells, (-1, n, *cells.shape[1:])),
        }

    def compute_losses(self, outputs, samples):
        logits = self._of_class(outputs["cells"], samples.gather("gt_class_ids"))
        masks = ops.cast(samples.gather("gt_masks"), "float32")
        targets = crop(
            masks,
            samples.gather("gt_mask_frames"),
            samples.rois,
            logits.shape[2:],
            samples.convention,
        )
        targets = ops.stop_gradient(ops.round(targets))
        per_roi = ops.mean(binary_cross_entropy(logits, targets), axis=(2, 3))
        return {"mrcnn_mask_loss": masked_mean(per_roi, samples.is_positive)}

    def describe(self, outputs, class_ids):
        return {"mask_probabilities": ops.sigmoid(self._of_class(outputs["cells"], class_ids))}

    def _of_class(self, cells, class_ids):
        """The logits of one class for each roi, float32: (B, N, pool, pool, 2, 2, C), (B, N) -> (B, N, 2 pool, 2 pool).

        Losses and detections read one mask of K, so a product with that class's kernel takes the place of all K; compiled, a
        step then leaves "logits" out.
        """
        n, shape, channels = ops.shape(cells)[1], cells.shape[2:6], cells.shape[6]
        kernel = ops.reshape(ops.cast(self.predict.kernel, cells.dtype), (channels, -1))
        table = ops.concatenate(
            [kernel, ops.cast(self.predict.bias, cells.dtype)[None]], axis=0
        )  # (C + 1, K)
        weights = ops.take(ops.transpose(table), class_ids, axis=0)  # (B, N, C + 1)
        rows = ops.reshape(cells, (-1, n, math.prod(shape), channels))
        logits = ops.matmul(rows, weights[..., :channels, None]) + weights[..., None, channels:]
        logits = ops.cast(logits, "float32")
        logits = merge_blocks(ops.reshape(logits, (-1, *shape, 1)))
        return ops.reshape(logits, (-1, n, *logits.shape[1:3]))
