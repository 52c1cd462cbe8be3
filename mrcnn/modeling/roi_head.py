"""RoIHead: the one extension point. A head predicts something for every RoI.

The box and mask heads are two of them; `build_detector(config, extra_heads=[...])` adds more.
"""

import inspect

import keras
from keras import ops

from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.typing import Tensor, Tensors


class RoIHead(keras.layers.Layer):
    """Predicts something for every RoI. A detector owns a box head and any number of other heads.

    Prefix the names of layers inside with "mrcnn_", and that of the head if it has weights of its
    own: weight files and the argument `layers` of training select layers by name. With `get_config`
    (and a registration for Keras) a detector with the head can be saved as a .keras file.

    Attributes:
        reads: "pooled" is given its own RoIAlign of `pool_size` x `pool_size` cells;
            "box_features" the hidden vector of the box head.
        pool_size: Cells along each side of the pooled features.
        positives_only: True trains the head on the RoIs that may lie on objects, False on
            background as well.
        takes_any_rows: True if `call` and `compute_losses` also take inputs whose N is known only
            when a step runs (`ops.shape`). With `positives_only`, a plain TensorFlow graph then
            trains the head on the positive rows alone, without padding.
        loss_names: The keys of `compute_losses`.

    Input:
        `(B, N, pool_size, pool_size, C)` or `(B, N, F)`, see `reads`. `valid`, in training `(B, N)`
        bool: the RoIs that count in the losses, for layers with statistics of the batch, see
        `BatchNorm`; else None. The `call` of a head without such layers may omit the argument.

    Output:
        A dict of `(B, N, ...)`.
    """

    reads = "pooled"
    pool_size = 7
    positives_only = False
    takes_any_rows = False
    loss_names: tuple[str, ...] = ()

    def call(
        self, inputs: Tensor, training: bool = False, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        raise NotImplementedError

    def run(
        self, inputs: Tensor, training: bool = False, samples: RoISamples | None = None
    ) -> dict[str, Tensor]:
        """Calls the head, with `valid` if its `call` takes that.

        Args:
            inputs: As of `call`.
            training: As of `call`.
            samples: Those that the inputs were pooled at, in training.

        Returns:
            The outputs of `call`.
        """
        # Heads that others wrote before `valid` existed have no such argument.
        if "valid" not in inspect.signature(self.call).parameters:
            return self(inputs, training=training)
        valid = None if samples is None else ops.greater(samples.valid, 0)
        return self(inputs, training=training, valid=valid)

    def rows_of(self, samples: RoISamples) -> RoISamples:
        """Selects the RoIs that the head is trained on.

        Args:
            samples: Of the detector.

        Returns:
            All of them, or those that may be positive.
        """
        return samples.positive_rows() if self.positives_only else samples

    def compute_losses(self, outputs: Tensors, samples: RoISamples) -> dict[str, Tensor]:
        """Computes the losses of the head.

        Args:
            outputs: What `call` returned at `samples.rois`.
            samples: The RoIs; `samples.gather("gt_x")` is the ground truth of each.

        Returns:
            `{"<name>_loss": scalar}`, float32.
        """
        raise NotImplementedError

    def describe(self, outputs: Tensors, class_ids: Tensor) -> dict[str, Tensor]:
        """Turns outputs into fields of the detections.

        Args:
            outputs: What `call` returned at the boxes of the detections.
            class_ids: `(B, N)` int32, their classes; 0 for padding.

        Returns:
            Fields to add to the detections, `(B, N, ...)`.
        """
        raise NotImplementedError
