"""MaskHead: which pixels of a RoI belong to its object."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from mrcnn.modeling.convolutions import BlockConv2DTranspose, merge_blocks
from mrcnn.modeling.normalization import BatchNorm, ConvNorm
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.losses import binary_cross_entropy, dice_loss, masked_mean
from mrcnn.ops.masks import crop
from mrcnn.typing import Tensor, Tensors


@keras.saving.register_keras_serializable(package="mrcnn")
class MaskHead(RoIHead):
    """Four convolutions and an upsampling, then one mask for each class.

    Mask R-CNN (He et al. 2017), figure 4 right. Trained on positive RoIs only: others have no mask.

    With `refines`, a second upsampling to four times the pooled cells adds a correction to the
    coarse mask, which is enlarged bilinearly. With a quarter of the channels it costs a tenth of
    the head; a point head (PointRend) would cost a third, and gathers at points that are only known
    when it runs. The correction starts at 0: masks of a checkpoint without it stay as they are.

    Args:
        num_classes: K, with the background as class 0.
        channels: Filters of the convolutions.
        pool_size: Cells along each side of the pooled features; masks have twice as many, or four
            times with `refines`.
        update_statistics: Whether training updates the statistics of batch normalisation.
        dice: Weight of the Dice loss that is added to the cross-entropy of the pixels.
        refines: Whether masks are refined by a second upsampling.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, pool_size, pool_size, C)`; N may be known only when a step runs.

    Output:
        "logits" `(B, N, 2 * pool_size, 2 * pool_size, K)`, and "cells" `(B, N, pool_size,
        pool_size, 2, 2, channels)`, the features that they are computed from, four to a cell. With
        `refines` "logits" are those of the coarse masks, and "fine_cells" `(B, N, 2 * pool_size,
        2 * pool_size, 2, 2, channels // 4)` the features of the correction.
    """

    positives_only = True
    takes_any_rows = True
    loss_names = ("mrcnn_mask_loss",)

    def __init__(
        self,
        num_classes: int,
        channels: int = 256,
        pool_size: int = 14,
        update_statistics: bool = False,
        dice: float = 0.0,
        refines: bool = False,
        *,
        name: str = "mask_head",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes, self.channels, self.pool_size = num_classes, channels, pool_size
        self.update_statistics, self.dice, self.refines = update_statistics, dice, refines
        dtype = {"dtype": self.dtype_policy}
        numbers = (1, 2, 3, 4)
        self.convs = [
            layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_mask_conv{i}", **dtype)
            for i in numbers
        ]
        self.norms = [
            BatchNorm(update_statistics, name=f"mrcnn_mask_bn{i}", **dtype) for i in numbers
        ]
        self.blocks = [
            ConvNorm(conv, norm, name=f"mrcnn_mask_block{i}")
            for i, conv, norm in zip(numbers, self.convs, self.norms, strict=True)
        ]
        self.upsample = BlockConv2DTranspose(
            channels, 2, activation="relu", name="mrcnn_mask_deconv", **dtype
        )
        self.predict = layers.Conv2D(num_classes, 1, name="mrcnn_mask", **dtype)
        if refines:
            fine = max(channels // 4, 1)
            self.upsample_again = BlockConv2DTranspose(
                fine, 2, activation="relu", name="mrcnn_mask_refine_deconv", **dtype
            )
            self.correct = layers.Conv2D(
                num_classes, 1, kernel_initializer="zeros", name="mrcnn_mask_refine", **dtype
            )
            self.correct.build((None, None, None, fine))  # only its kernel is used

    def call(
        self, inputs: Tensor, training: bool = False, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        n = ops.shape(inputs)[1]
        x = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        for block in self.blocks:
            x = ops.relu(block(x, training=training, valid=valid))
        cells = self.upsample(x)  # (B * N, pool, pool, 2, 2, channels)
        # The 1 x 1 convolution runs on unordered cells: K channels are fewer to move than C.
        rows = ops.reshape(cells, (-1, cells.shape[1], cells.shape[2] * 4, cells.shape[5]))
        logits = ops.reshape(self.predict(rows), (-1, *cells.shape[1:5], self.predict.filters))
        outputs = {"logits": merge_blocks(logits), "cells": cells}
        if self.refines:
            outputs["fine_cells"] = self.upsample_again(merge_blocks(cells))
        return {
            name: ops.reshape(output, (-1, n, *output.shape[1:]))
            for name, output in outputs.items()
        }

    def compute_losses(self, outputs: Tensors, samples: RoISamples) -> dict[str, Tensor]:
        """Computes the mask loss: a cross-entropy for each pixel of the mask of the true class.

        Args:
            outputs: The output of `call` at the RoIs.
            samples: The RoIs.

        Returns:
            The scalar "mrcnn_mask_loss", a mean over positive RoIs; 0 if there are none.
        """
        logits = self._of_class(outputs, samples.gather("gt_class_ids"))
        masks = ops.cast(samples.gather("gt_masks"), "float32")
        frames = samples.gather("gt_mask_frames")
        targets = crop(masks, frames, samples.rois, logits.shape[2:], samples.convention)
        # Matterport rounds resampled masks as well; soft targets would blur the outlines.
        targets = ops.stop_gradient(ops.round(targets))
        per_roi = ops.mean(binary_cross_entropy(logits, targets), axis=(2, 3))
        if self.dice:
            per_roi = per_roi + self.dice * dice_loss(logits, targets)
        return {"mrcnn_mask_loss": masked_mean(per_roi, samples.is_positive)}

    def describe(self, outputs: Tensors, class_ids: Tensor) -> dict[str, Tensor]:
        """Turns outputs into the masks of the detections.

        Args:
            outputs: The output of `call` at the boxes of the detections.
            class_ids: `(B, N)` int32.

        Returns:
            "mask_probabilities" `(B, N, 2 * pool_size, 2 * pool_size)` float32 in 0..1, each
            filling its box; four times the cells with `refines`.
        """
        return {"mask_probabilities": ops.sigmoid(self._of_class(outputs, class_ids))}

    def get_config(self) -> dict[str, Any]:
        own = {
            "num_classes": self.num_classes,
            "channels": self.channels,
            "pool_size": self.pool_size,
            "update_statistics": self.update_statistics,
            "dice": self.dice,
            "refines": self.refines,
        }
        return super().get_config() | own

    def _of_class(self, outputs, class_ids):
        """Float32 logits of the mask of one class for each RoI, (B, N, height, width)."""
        coarse = _masks_of_class(self.predict, outputs["cells"], class_ids)
        if not self.refines:
            return coarse
        fine = _masks_of_class(self.correct, outputs["fine_cells"], class_ids)
        return _enlarged(coarse) + fine


def _masks_of_class(predict, cells, class_ids):
    """Float32 outputs of a 1 x 1 convolution for one of its K filters at each RoI.

    Losses and detections read one mask of K, so a product with the kernel of that class replaces
    all K. A compiled step then drops "logits".

    Args:
        predict: The convolution.
        cells: `(B, N, h, w, 2, 2, C)`.
        class_ids: `(B, N)` int32.

    Returns:
        `(B, N, 2 * h, 2 * w)`.
    """
    n, shape, channels = ops.shape(cells)[1], cells.shape[2:6], cells.shape[6]
    kernel = ops.reshape(ops.cast(predict.kernel, cells.dtype), (channels, -1))
    bias = ops.cast(predict.bias, cells.dtype)[None]
    # Only the mask of one class is needed: 1 instead of K output channels for each RoI.
    table = ops.concatenate([kernel, bias], axis=0)  # (C + 1, K)
    weights = ops.take(ops.transpose(table), class_ids, axis=0)  # (B, N, C + 1)
    rows = ops.reshape(cells, (-1, n, math.prod(shape), channels))
    logits = ops.matmul(rows, weights[..., :channels, None]) + weights[..., None, channels:]
    # Losses and sigmoids are computed in float32 in every precision of the network.
    logits = ops.cast(logits, "float32")
    logits = merge_blocks(ops.reshape(logits, (-1, *shape, 1)))
    return ops.reshape(logits, (-1, n, *logits.shape[1:3]))


def _enlarged(masks):
    """Masks at twice their size, (B, N, 2 * h, 2 * w), bilinear between the centres of cells."""
    rows, columns = (_doubling(side) for side in masks.shape[2:])
    # Two products with a constant: every backend compiles and exports them alike.
    return ops.matmul(ops.matmul(rows, masks), np.transpose(columns))


def _doubling(side):
    """The matrix that resamples `side` cells to twice as many, (2 * side, side) float32."""
    at = np.clip((np.arange(2 * side) + 0.5) / 2 - 0.5, 0, side - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(side)), 0).astype(np.float32)
