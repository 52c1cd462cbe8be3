"""What callbacks have counted so far, kept in checkpoints, so that a resumed training goes on as an unbroken one.

Kept are public attributes of a callback that are numbers, text, or lists of arrays: the best score of
`EarlyStopping`, how long it has waited, its best weights. Settings are not kept: attributes that do not change, or
that are called as an argument of the callback's class (Keras changes the sign of `min_delta`, say). A resumed training
uses those it is given.
"""

import inspect
import math

import numpy as np

_PLAIN = (bool, int, float, str, type(None))
_ABSENT = object()


class CallbackState:
    """Follows the attributes of a list of callbacks during a training, possibly of several stages.

    Made before the first stage. An attribute is progress if it differs from what it began as: where
    `on_train_begin` sets it, from that; else from what it was when the training began.
    """

    def __init__(self, callbacks):
        self.callbacks = list(callbacks)
        self._first = self._before = self._begun = [_plain(callback) for callback in self.callbacks]

    def before_stage(self):
        """Before the callbacks' `on_train_begin`."""
        self._before = [_plain(callback) for callback in self.callbacks]

    def stage_begun(self):
        """After it."""
        self._begun = [_plain(callback) for callback in self.callbacks]

    def values(self):
        """What a checkpoint keeps: (a JSON-able list of [class name, {attribute: value}], {name: array})."""
        kept, arrays = [], {}
        for i, callback in enumerate(self.callbacks):
            first, before, begun = self._first[i], self._before[i], self._begun[i]
            changed = {}
            for name, value in _plain(callback).items():
                set_anew = not _same(before.get(name, _ABSENT), begun.get(name, _ABSENT))
                if not _same(value, (begun if set_anew else first).get(name, _ABSENT)):
                    changed[name] = value
            kept.append([type(callback).__name__, changed])
            for name, values in _lists_of_arrays(callback).items():
                arrays |= {f"{i}/{name}/{j:05d}": value for j, value in enumerate(values)}
        return kept, arrays

    def restore(self, kept, arrays):
        """Gives the callbacks their progress back, each that of the next one of its class.

        Returns: the names of the classes that got none, or of which the progress was left over.
        """
        waiting = {}
        for callback in self.callbacks:
            waiting.setdefault(type(callback).__name__, []).append(callback)
        lists = {}
        for key in sorted(arrays):
            number, name, _ = key.split("/")
            lists.setdefault(int(number), {}).setdefault(name, []).append(arrays[key])
        left = []
        for i, (kind, changed) in enumerate(kept):
            if waiting.get(kind):
                callback = waiting[kind].pop(0)
                for name, value in (changed | lists.get(i, {})).items():
                    if not name.startswith("_"):
                        setattr(callback, name, value)
            elif changed:
                left.append(kind)
        return left + [kind for kind, callbacks in waiting.items() for _ in callbacks]


def _plain(callback):
    """{attribute: value} of the attributes that are numbers or text."""
    found = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in _public(callback).items()
    }
    return {name: value for name, value in found.items() if type(value) in _PLAIN}


def _lists_of_arrays(callback):
    def are_arrays(value):
        return (
            isinstance(value, list)
            and value
            and all(isinstance(item, np.ndarray) and item.dtype.kind in "fiub" for item in value)
        )

    return {name: value for name, value in _public(callback).items() if are_arrays(value)}


def _public(callback):
    """{attribute: value} without settings."""
    settings = {
        name
        for kind in type(callback).__mro__
        if "__init__" in vars(kind) and kind is not object
        for name in inspect.signature(kind.__init__).parameters
    }
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and name not in settings
    }


def _same(value, other):
    both_nan = (
        isinstance(value, float)
        and isinstance(other, float)
        and math.isnan(value)
        and math.isnan(other)
    )
    return both_nan or type(value) is type(other) and value == other
