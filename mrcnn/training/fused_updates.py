"""Optimisers whose update of a variable is one TensorFlow operation, for quick first steps.

Keras writes an update of AdamW as 45 operations, for each of 200 to 400 variables. Tracing and
optimising those took half of the time before the first step. TensorFlow has kernels for the whole
update, with the same formulas and the same state, so checkpoints fit either way. Elsewhere, and
for a model on several devices, Keras' own updates run.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from mrcnn.typing import Tensor


def fused(optimizer: type) -> type:
    """Gives an optimiser fused updates, on TensorFlow.

    Args:
        optimizer: `keras.optimizers.SGD`, `Adam` or `AdamW`.

    Returns:
        A subclass with the same name; on other backends the class itself.
    """
    if keras.backend.backend() != "tensorflow":
        return optimizer
    return _fused_class(optimizer)


@functools.cache
def _fused_class(base: type) -> type:
    step = _momentum_step if base is keras.optimizers.SGD else _adam_step
    members = {"_fused_step": staticmethod(step), "__module__": base.__module__}
    return type(base.__name__, (_FusedUpdates, base), members)


class _FusedUpdates:
    """Mixed into a Keras optimiser: clipping, weight decay and updates by TensorFlow's kernels."""

    _shared: dict[str, Tensor]

    def rate_factor(self: Any, variable: Any) -> float:
        return 1.0  # `optimizers` replaces this where layers have rates of their own

    def apply(self: Any, grads: Sequence[Tensor], trainable_variables: Any = None) -> None:
        self._shared = {}  # tensors that all variables of a step share
        super().apply(grads, trainable_variables)  # type: ignore[misc]
        self._shared = {}

    def _clip_gradients(self: Any, grads: Sequence[Tensor]) -> list[Tensor]:
        import tensorflow as tf

        if not self.global_clipnorm or self.clipnorm or tf.distribute.has_strategy():
            return super()._clip_gradients(grads)  # type: ignore[misc]
        norm = tf.linalg.global_norm(grads)
        scale = self.global_clipnorm * tf.minimum(1.0 / norm, 1.0 / self.global_clipnorm)
        scale = scale + (norm - norm)  # NaN for a norm that is not finite, as in Keras
        return [gradient * tf.cast(scale, gradient.dtype) for gradient in grads]

    def _apply_weight_decay(self: Any, variables: Sequence[Any]) -> None:
        import tensorflow as tf

        if self.weight_decay is None or tf.distribute.has_strategy():
            super()._apply_weight_decay(variables)  # type: ignore[misc]
            return
        share = self._once("decay", lambda: self.weight_decay * self.learning_rate)
        for variable in variables:
            if self._use_weight_decay(variable):
                value = variable.value
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=value.handle, alpha=tf.cast(share, value.dtype), delta=value.read_value()
                )

    def update_step(self: Any, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        import tensorflow as tf

        factor = self.rate_factor(variable)
        plain = not getattr(self, "amsgrad", False) and not tf.distribute.has_strategy()
        if not plain or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, factor * learning_rate)  # type: ignore[misc]
            return
        rate = self._once(f"rate {factor}", lambda: tf.cast(factor * learning_rate, variable.dtype))
        self._fused_step(self, tf.cast(gradient, variable.dtype), variable, rate)

    def _constant(self: Any, name: str) -> Tensor:
        import tensorflow as tf

        return self._once(name, lambda: tf.constant(getattr(self, name), tf.float32))

    def _once(self: Any, name: str, make: Callable[[], Tensor]) -> Tensor:
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]


def _momentum_step(optimizer: Any, gradient: Tensor, variable: Any, rate: Tensor) -> None:
    import tensorflow as tf

    if not optimizer.momentum:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
        return
    index = optimizer._get_variable_index(variable)
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable.handle,
        accum=optimizer.momentums[index].value.handle,
        lr=rate,
        grad=gradient,
        momentum=optimizer._constant("momentum"),
        use_nesterov=optimizer.nesterov,
    )


def _adam_step(optimizer: Any, gradient: Tensor, variable: Any, rate: Tensor) -> None:
    import tensorflow as tf

    index, constant, once = (
        optimizer._get_variable_index(variable),
        optimizer._constant,
        optimizer._once,
    )
    # The kernel takes the powers of the betas that correct the bias; Keras counts steps from 0.
    step = once("step", lambda: tf.cast(optimizer.iterations + 1, variable.dtype))
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=once("power 1", lambda: tf.pow(constant("beta_1"), step)),
        beta2_power=once("power 2", lambda: tf.pow(constant("beta_2"), step)),
        lr=rate,
        beta1=constant("beta_1"),
        beta2=constant("beta_2"),
        epsilon=constant("epsilon"),
        grad=gradient,
    )
