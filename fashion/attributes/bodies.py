"""Bodies: what an attribute head looks at before it names attributes, each from its inputs to one vector or to one for every group."""

import keras
from keras import layers, ops

from mrcnn.modeling.normalization import BatchNorm, ConvNorm

CELLS = 14  # of the bodies that pool for themselves, as in the mask branch


class Linear(keras.layers.Layer):
    """Nothing: the box head's features as they are.  (B, N, F) -> (B, N, F)."""

    reads = "box_features"

    def call(self, inputs, training=False, valid=None):
        return inputs


class MLP(keras.layers.Layer):
    """Two fully connected layers on the box head's features.  (B, N, F) -> (B, N, hidden)."""

    reads = "box_features"

    def __init__(self, hidden, **kwargs):
        super().__init__(**kwargs)
        self.fc = [
            layers.Dense(hidden, activation="relu", name=f"mrcnn_attribute_fc{i}") for i in (1, 2)
        ]

    def call(self, inputs, training=False, valid=None):
        return self.fc[1](self.fc[0](inputs))


class Conv(keras.layers.Layer):
    """Four convolutions on the roi's own 14 x 14 cells, as in the mask branch, their mean and maximum, and a fully connected layer.

    (B, N, 14, 14, C) -> (B, N, hidden)
    """

    reads = "pooled"

    def __init__(self, hidden, channels, update_statistics=False, **kwargs):
        super().__init__(**kwargs)
        self.conv = [
            layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_attribute_conv{i}")
            for i in range(1, 5)
        ]
        self.bn = [BatchNorm(update_statistics, name=f"mrcnn_attribute_bn{i}") for i in range(1, 5)]
        self.blocks = [
            ConvNorm(conv, bn, name=f"mrcnn_attribute_block{i}")
            for i, (conv, bn) in enumerate(zip(self.conv, self.bn, strict=True), start=1)
        ]
        self.fc = layers.Dense(hidden, activation="relu", name="mrcnn_attribute_fc1")

    def call(self, inputs, training=False, valid=None):
        n, x = inputs.shape[1], ops.reshape(inputs, (-1, *inputs.shape[2:]))
        for block in self.blocks:
            x = ops.relu(block(x, training=training, valid=valid))
        x = ops.concatenate([ops.mean(x, axis=(1, 2)), ops.max(x, axis=(1, 2))], axis=-1)
        return ops.reshape(self.fc(x), (-1, n, self.fc.units))


class Attention(keras.layers.Layer):
    """One query for every group of attributes looks for its own cells: a neckline is elsewhere than a hem.

    (B, N, 14, 14, C) -> (B, N, groups, channels). Cells are normalised and see their neighbours through one convolution. Each group's
    vector is the sum of the cells' values, weighted by a softmax over the cells of the products of keys and the query, divided by the
    root of their length (Vaswani et al. 2017, eq. 1). Keys are a tanh of what is in a cell and where it lies. A query starts with numbers
    of variance 1, as that division expects: else all cells weigh nearly alike.
    """

    reads = "pooled"

    def __init__(self, groups, channels, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.channels = groups, channels
        self.norm = layers.LayerNormalization(name="mrcnn_attribute_norm")
        self.near = layers.Conv2D(
            channels, 3, padding="same", activation="relu", name="mrcnn_attribute_conv1"
        )
        self.key = layers.Dense(channels, name="mrcnn_attribute_key")
        self.value = layers.Dense(channels, activation="relu", name="mrcnn_attribute_value")
        self.query = layers.Dense(
            groups,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="mrcnn_attribute_query",
        )  # its kernel's columns are the queries
        self.place = layers.Dense(
            channels, use_bias=False, name="mrcnn_attribute_place"
        )  # its kernel's rows are the cells' places

    def call(self, inputs, training=False, valid=None):
        x, weights = self.look(inputs)
        found = ops.einsum("rpg,rpc->rgc", ops.cast(weights, x.dtype), self.value(x))
        return ops.reshape(found, (-1, inputs.shape[1], self.groups, self.channels))

    def look(self, inputs):
        """(B * N, cells, channels) what is in the cells, and (B * N, cells, groups) float32 how much each of them weighs."""
        x = self.near(self.norm(ops.reshape(inputs, (-1, *inputs.shape[2:]))))
        x = ops.reshape(x, (-1, inputs.shape[2] * inputs.shape[3], self.channels))
        places = ops.cast(self.place(ops.eye(x.shape[1])), x.dtype)
        scores = self.query(ops.tanh(self.key(x) + places)) / self.channels**0.5
        return x, ops.softmax(ops.cast(scores, "float32"), axis=1)
