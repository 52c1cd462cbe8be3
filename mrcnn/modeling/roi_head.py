"""RoIHead: the one extension point. A head predicts something for every roi; box and mask heads are two of them."""

import inspect

import keras


class RoIHead(keras.layers.Layer):
    """Predicts something for every roi. The detector owns a list of these.

    reads: "pooled" is given its own RoIAlign of `pool_size` x `pool_size` cells; "box_features" the box head's hidden vector.
    positives_only: True runs the head, in training, on the rois that may lie on objects; False on background rois too.
    takes_any_rows: True if `call` and `compute_losses` also take inputs whose N is known only when a step runs (`ops.shape`). With
        `positives_only`, a plain TensorFlow graph then trains the head on as many rows as are positive, not as may be.
    loss_names: the keys of `compute_losses`.
    The names of a head's layers, and its own if it has weights of its own, should begin with "mrcnn_": files and `layers` go by them.
    """

    reads = "pooled"
    pool_size = 7
    positives_only = False
    takes_any_rows = False
    loss_names = ()

    def call(self, inputs, training=False, used=None):
        """inputs: (B, N, pool, pool, C) or (B, N, F), as `reads` says -> dict of (B, N, ...).

        used: in training (B, N) bool, the rois that the losses count, for whatever learns statistics of its batch, see `BatchNorm`; else
        None. A head that has no need of it may leave the argument out.
        """
        raise NotImplementedError

    def run(self, inputs, training=False, used=None):
        """`call`, with `used` if it takes that."""
        return self(
            inputs,
            training=training,
            **({"used": used} if "used" in inspect.signature(self.call).parameters else {}),
        )

    def rows_of(self, samples):
        """Those of the `RoISamples` that the head is trained on."""
        return samples.positive_rows() if self.positives_only else samples

    def compute_losses(self, outputs, samples):
        """outputs: what `call` returned at `samples.rois` -> {"<name>_loss": scalar}. `samples.gather("gt_x")` is the truth."""
        raise NotImplementedError

    def describe(self, outputs, class_ids):
        """outputs: what `call` returned at the detections; class_ids: (B, N) int32 -> fields to add to the detections, (B, N, ...)."""
        raise NotImplementedError
