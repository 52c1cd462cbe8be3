"""MaskHead: which pixels of a roi belong to the object?"""
from keras import layers, ops

from mrcnn.modeling.batch_norm import BatchNorm
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.losses import binary_cross_entropy, masked_mean
from mrcnn.ops.masks import crop


class MaskHead(RoIHead):
    """Four convolutions and an upsampling, then one mask for each class (Mask R-CNN, fig. 4 right).

    call: (B, N, pool, pool, C) -> "logits" (B, N, 2 pool, 2 pool, K). Trained on positive rois alone: the others have no mask.
    """

    positives_only = True
    loss_names = ("mrcnn_mask_loss",)

    def __init__(self, num_classes, channels, pool_size, update_statistics=False, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.convs = [layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_mask_conv{i}") for i in (1, 2, 3, 4)]
        self.norms = [BatchNorm(update_statistics, name=f"mrcnn_mask_bn{i}") for i in (1, 2, 3, 4)]
        self.upsample = layers.Conv2DTranspose(channels, 2, 2, activation="relu", name="mrcnn_mask_deconv")
        self.predict = layers.Conv2D(num_classes, 1, name="mrcnn_mask")

    def call(self, inputs, training=False, used=None):
        n = inputs.shape[1]
        x = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = ops.relu(norm(conv(x), training=training, used=used))
        logits = self.predict(self.upsample(x))
        return {"logits": ops.reshape(logits, (-1, n, *logits.shape[1:]))}

    def compute_losses(self, outputs, samples):
        logits = _of_class(outputs["logits"], samples.gather("gt_class_ids"))
        masks = ops.cast(samples.gather("gt_masks"), "float32")
        targets = crop(masks, samples.gather("gt_mask_frames"), samples.rois, logits.shape[2:], samples.convention)
        targets = ops.stop_gradient(ops.round(targets))
        per_roi = ops.mean(binary_cross_entropy(logits, targets), axis=(2, 3))
        return {"mrcnn_mask_loss": masked_mean(per_roi, samples.is_positive)}

    def describe(self, outputs, class_ids):
        return {"mask_probabilities": ops.sigmoid(ops.cast(_of_class(outputs["logits"], class_ids), "float32"))}


def _of_class(logits, class_ids):
    """The mask of one class for each roi: (B, N, h, w, K), (B, N) -> (B, N, h, w)."""
    return ops.take_along_axis(logits, class_ids[:, :, None, None, None], axis=4)[..., 0]
