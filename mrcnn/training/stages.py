"""`Stage`: one part of a training, with its length, learning rate and trainable layers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes:
        name: For the history; "" leaves its column out.
        layers: Which layers are trained, see `trainable_layers.set_trainable`.
        epochs: Length of this stage.
        learning_rate: At its highest, after warm-up.
    """

    name: str
    layers: str
    epochs: int
    learning_rate: float


def __getattr__(name: str) -> Any:
    # Names that lay here; imported on demand, since a Stage is a part of settings, which are read
    # without Keras.
    if name not in ("FROM_STAGE", "HEADS", "set_trainable"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mrcnn.training import trainable_layers

    return getattr(trainable_layers, name)
