"""Keras' private attributes, all that this package reads of them, behind names of our own.

Keras has no public way to ask which layers lie inside a layer, which weights are a layer's own, or
how the layers of a functional model are connected. After an upgrade of Keras, look here first.
"""

from collections.abc import Callable, Sequence

import keras

from mrcnn.typing import Tensor


def layers_inside(layer: keras.Layer) -> list[keras.Layer]:
    """Lists the layers inside a layer or model, at any depth.

    Args:
        layer: A layer or a model.

    Returns:
        The layers, without `layer` itself.
    """
    return list(layer._flatten_layers(include_self=False))


def own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Lists the variables that belong to a layer and not to a layer inside it.

    Args:
        layer: A built layer.

    Returns:
        The variables in Keras' order: trainable ones first.
    """
    # A wrapper may hold the kernel of its layer as well.
    inside = {id(variable) for sub in layer._layers for variable in sub.weights}
    variables = layer._trainable_variables + layer._non_trainable_variables
    return [variable for variable in variables if id(variable) not in inside]


def times_called(layer: keras.Layer) -> int:
    """Counts the places in graphs where a layer is called.

    Args:
        layer: A layer of a functional model.

    Returns:
        The number of calls with symbolic tensors.
    """
    return len(layer._inbound_nodes)


def readers(layer: keras.Layer) -> list[keras.Operation]:
    """Lists what reads the outputs of a layer.

    Args:
        layer: A layer of a functional model.

    Returns:
        The operations, one for each time that they read.
    """
    return [node.operation for node in layer._outbound_nodes]


def moving_averages(
    optimizer: keras.optimizers.Optimizer,
) -> list[tuple[keras.Variable, keras.Variable]]:
    """Lists the weights of which an optimiser keeps moving averages.

    Args:
        optimizer: Built.

    Returns:
        Pairs of a weight and its average; none without `use_ema`.
    """
    if not getattr(optimizer, "use_ema", False):
        return []
    averages = optimizer._model_variables_moving_average
    pairs = zip(optimizer._trainable_variables, averages, strict=True)
    return [(weight, average) for weight, average in pairs if average is not None]


def origin(tensor: Tensor) -> tuple[keras.Operation, int, Sequence[Tensor]]:
    """Finds the operation that makes a symbolic tensor.

    Args:
        tensor: A `KerasTensor`.

    Returns:
        The operation, which of its outputs the tensor is, and the tensors that it reads.
    """
    operation, node, output = tensor._keras_history
    return operation, output, operation._inbound_nodes[node].input_tensors


def run_graph(
    model: keras.Model, inputs: Sequence[Tensor], replace: Callable[[keras.Operation], Callable]
) -> list[Tensor] | None:
    """Runs a functional model with some of its layers replaced.

    Args:
        model: A functional model.
        inputs: Its input tensors.
        replace: Function from a layer to what is called in its place.

    Returns:
        The outputs of the model, or None if this Keras cannot do that.
    """
    run = getattr(model, "_run_through_graph", None)
    return None if run is None else run(list(inputs), operation_fn=replace)


def path_of_variable(optimizer: keras.optimizers.Optimizer, variable: Tensor) -> str:
    """Finds the path of a variable that an optimiser updates.

    Args:
        optimizer: Of Keras, built.
        variable: As `update_step` gets it; TensorFlow's own variables have no path.

    Returns:
        "layer/kernel".
    """
    return optimizer._trainable_variables[optimizer._get_variable_index(variable)].path
