"""The one loss of Matterport's that works on plain tensors; the others are methods of the heads now, see `mrcnn.legacy.graphs`."""

import keras
from keras import ops


def smooth_l1_loss(y_true, y_pred):
    """The Huber loss with its knee at 1 of every element: two tensors of one shape -> that shape, float32."""
    y_true, y_pred = (ops.convert_to_tensor(y, "float32") for y in (y_true, y_pred))
    # Keras takes the mean over the last axis, so each element gets an axis of its own.
    return keras.losses.huber(y_true[..., None], y_pred[..., None], delta=1.0)
