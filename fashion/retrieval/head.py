"""EmbeddingHead: gives the detections of a Keras model the hidden vector of the box head."""

import keras
from keras import ops

from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.typing import Tensor, Tensors


@keras.saving.register_keras_serializable(package="fashion")
class EmbeddingHead(RoIHead):
    """The hidden vector of the box head as a field of detections. It has no weights and no loss.

    It adds "embeddings" `(B, N, F)` float32 of length 1, as exported models have them.
    """

    reads = "box_features"
    loss_names = ()

    def call(
        self, inputs: Tensor, training: bool = False, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        return {"features": inputs}

    def compute_losses(self, outputs: Tensors, samples: RoISamples) -> dict[str, Tensor]:
        """Computes no loss.

        Args:
            outputs: As of `RoIHead.compute_losses`.
            samples: As of `RoIHead.compute_losses`.

        Returns:
            {}.
        """
        return {}

    def describe(self, outputs: Tensors, class_ids: Tensor) -> dict[str, Tensor]:
        """Scales the vectors to length 1.

        Args:
            outputs: Of `call`.
            class_ids: As of `RoIHead.describe`.

        Returns:
            "embeddings" `(B, N, F)` float32.
        """
        features = ops.cast(outputs["features"], "float32")
        squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
        return {"embeddings": features / ops.sqrt(ops.maximum(squares, 1e-12))}
