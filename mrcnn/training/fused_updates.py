"""Optimisers whose update of a variable is one operation of TensorFlow's, for quick first steps.

Keras writes an update of AdamW as 45 operations, for each of 200 to 400 variables. Tracing and
optimising those was half of the time before the first step. TensorFlow has kernels for the whole
update, with the same formulas and the same state, so checkpoints fit either way. Elsewhere, and
where a model lies on several devices, Keras' own updates run.
"""

import functools

import keras


def fused(optimizer: type) -> type:
    """The class `keras.optimizers.SGD` or `AdamW` with fused updates, where there are any."""
    if keras.backend.backend() != "tensorflow":
        return optimizer
    return _fused_class(optimizer)


@functools.cache
def _fused_class(base):
    import tensorflow as tf

    class Fused(base):
        """`base` with clipping, weight decay and updates by TensorFlow's own kernels."""

        def apply(self, grads, trainable_variables=None):
            self._shared = {}  # what all variables of a step have in common
            super().apply(grads, trainable_variables)
            self._shared = {}

        def _clip_gradients(self, grads):
            one_device = not tf.distribute.has_strategy()
            if not self.global_clipnorm or self.clipnorm or not one_device:
                return super()._clip_gradients(grads)
            norm = tf.linalg.global_norm(grads)
            # Of a norm that is not finite: NaN, as Keras has it.
            scale = self.global_clipnorm * tf.minimum(1.0 / norm, 1.0 / self.global_clipnorm)
            scale = scale + (norm - norm)
            return [gradient * tf.cast(scale, gradient.dtype) for gradient in grads]

        def _apply_weight_decay(self, variables):
            if self.weight_decay is None or tf.distribute.has_strategy():
                return super()._apply_weight_decay(variables)
            share = self._once("decay", lambda: self.weight_decay * self.learning_rate)
            for variable in variables:
                if self._use_weight_decay(variable):
                    value = variable.value
                    tf.raw_ops.ResourceApplyGradientDescent(
                        var=value.handle,
                        alpha=tf.cast(share, value.dtype),
                        delta=value.read_value(),
                    )

        def update_step(self, gradient, variable, learning_rate):
            plain = not getattr(self, "amsgrad", False) and not tf.distribute.has_strategy()
            if not plain or isinstance(gradient, tf.IndexedSlices):
                return super().update_step(gradient, variable, learning_rate)
            index, dtype = self._get_variable_index(variable), variable.dtype
            rate = self._once("rate", lambda: tf.cast(learning_rate, dtype))
            gradient = tf.cast(gradient, dtype)
            if base is keras.optimizers.SGD:
                self._momentum_step(gradient, variable, rate, index)
            else:
                self._adam_step(gradient, variable, rate, index)

        def _momentum_step(self, gradient, variable, rate, index):
            if not self.momentum:
                return tf.raw_ops.ResourceApplyGradientDescent(
                    var=variable.handle, alpha=rate, delta=gradient
                )
            return tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.handle,
                accum=self.momentums[index].value.handle,
                lr=rate,
                grad=gradient,
                momentum=self._constant("momentum"),
                use_nesterov=self.nesterov,
            )

        def _adam_step(self, gradient, variable, rate, index):
            step = self._once("step", lambda: tf.cast(self.iterations + 1, variable.dtype))
            return tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=self._once("power 1", lambda: tf.pow(self._constant("beta_1"), step)),
                beta2_power=self._once("power 2", lambda: tf.pow(self._constant("beta_2"), step)),
                lr=rate,
                beta1=self._constant("beta_1"),
                beta2=self._constant("beta_2"),
                epsilon=self._constant("epsilon"),
                grad=gradient,
            )

        def _constant(self, name):
            return self._once(name, lambda: tf.constant(getattr(self, name), tf.float32))

        def _once(self, name, make):
            if name not in self._shared:
                self._shared[name] = make()
            return self._shared[name]

    Fused.__name__ = Fused.__qualname__ = base.__name__
    return Fused
