"""Bodies of the attribute head: from pooled features to one vector, or one for each group.

Shapes: B images, N RoIs, C channels, F features, G groups of attributes.
"""

from typing import Any

import keras
from keras import layers, ops

from mrcnn.modeling.normalization import BatchNorm, ConvNorm
from mrcnn.typing import Tensor

CELLS = 14  # along each side of the features that a body pools itself, as in the mask head


class Linear(keras.layers.Layer):
    """Hands on the features of the box head.

    Input:
        `(B, N, F)`.

    Output:
        `(B, N, F)`.
    """

    reads = "box_features"

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        return inputs


class MLP(keras.layers.Layer):
    """Two fully connected layers on the features of the box head.

    Args:
        hidden: Units of each layer.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, F)`.

    Output:
        `(B, N, hidden)`.
    """

    reads = "box_features"

    def __init__(self, hidden: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        dtype = {"dtype": self.dtype_policy}
        self.fc = [
            layers.Dense(hidden, activation="relu", name=f"mrcnn_attribute_fc{i}", **dtype)
            for i in (1, 2)
        ]

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        return self.fc[1](self.fc[0](inputs))


class Conv(keras.layers.Layer):
    """Four convolutions as in the mask head, mean and maximum pooling, a fully connected layer.

    Args:
        hidden: Units of the fully connected layer.
        channels: Filters of the convolutions.
        update_statistics: Whether training updates the statistics of batch normalisation.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, CELLS, CELLS, C)`.

    Output:
        `(B, N, hidden)`.
    """

    reads = "pooled"

    def __init__(
        self, hidden: int, channels: int, update_statistics: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        dtype = {"dtype": self.dtype_policy}
        numbers = (1, 2, 3, 4)
        self.conv = [
            layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_attribute_conv{i}", **dtype)
            for i in numbers
        ]
        self.bn = [
            BatchNorm(update_statistics, name=f"mrcnn_attribute_bn{i}", **dtype) for i in numbers
        ]
        self.blocks = [
            ConvNorm(conv, bn, name=f"mrcnn_attribute_block{i}", **dtype)
            for i, (conv, bn) in enumerate(zip(self.conv, self.bn, strict=True), start=1)
        ]
        self.fc = layers.Dense(hidden, activation="relu", name="mrcnn_attribute_fc1", **dtype)

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        n, x = inputs.shape[1], ops.reshape(inputs, (-1, *inputs.shape[2:]))
        for block in self.blocks:
            x = ops.relu(block(x, training=training, valid=valid))
        x = ops.concatenate([ops.mean(x, axis=(1, 2)), ops.max(x, axis=(1, 2))], axis=-1)
        return ops.reshape(self.fc(x), (-1, n, self.fc.units))


class Attention(keras.layers.Layer):
    """One query for each group of attributes weighs the cells: a neckline is not where a hem is.

    Cells are normalised and see their neighbours through one convolution. The vector of a group is
    the mean of the cells' values, weighted by a softmax of query times key over the root of their
    length (Vaswani et al., "Attention Is All You Need", 2017, eq. 1). Keys are a tanh of the
    content and the place of a cell.

    Args:
        groups: Number of groups, G.
        channels: Length of queries, keys and values.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, CELLS, CELLS, C)`.

    Output:
        `(B, N, G, channels)`.
    """

    reads = "pooled"

    def __init__(self, groups: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups, self.channels = groups, channels
        dtype = {"dtype": self.dtype_policy}
        self.norm = layers.LayerNormalization(name="mrcnn_attribute_norm", **dtype)
        self.near = layers.Conv2D(
            channels, 3, padding="same", activation="relu", name="mrcnn_attribute_conv1", **dtype
        )
        self.key = layers.Dense(channels, name="mrcnn_attribute_key", **dtype)
        self.value = layers.Dense(
            channels, activation="relu", name="mrcnn_attribute_value", **dtype
        )
        # The columns of the kernel are the queries. They start with variance 1, as the division by
        # the root of their length assumes: with less, all cells would weigh nearly alike.
        self.query = layers.Dense(
            groups,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="mrcnn_attribute_query",
            **dtype,
        )
        # The rows of the kernel describe the places of the cells.
        self.place = layers.Dense(channels, use_bias=False, name="mrcnn_attribute_place", **dtype)

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        x, weights = self.attend(inputs)
        found = ops.einsum("rpg,rpc->rgc", ops.cast(weights, x.dtype), self.value(x))
        return ops.reshape(found, (-1, inputs.shape[1], self.groups, self.channels))

    def attend(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the content of the cells and their weights.

        Args:
            inputs: `(B, N, CELLS, CELLS, C)`.

        Returns:
            content: `(B * N, CELLS * CELLS, channels)`.
            weights: `(B * N, CELLS * CELLS, G)` float32; those of a group sum to 1.
        """
        x = self.near(self.norm(ops.reshape(inputs, (-1, *inputs.shape[2:]))))
        x = ops.reshape(x, (-1, inputs.shape[2] * inputs.shape[3], self.channels))
        places = ops.cast(self.place(ops.eye(x.shape[1])), x.dtype)
        scores = self.query(ops.tanh(self.key(x) + places)) / self.channels**0.5
        return x, ops.softmax(ops.cast(scores, "float32"), axis=1)
