"""What callbacks have counted, for checkpoints: a resumed training equals an uninterrupted one.

Kept are public attributes of a callback that are numbers, text or lists of arrays: the best score
of `EarlyStopping`, how long it has waited, its best weights. Settings are not kept: attributes that
never change, or that have the name of an argument of the class (Keras changes the sign of
`min_delta`, for example). A resumed training uses the settings it is given.
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn.typing import Array

_PLAIN = (bool, int, float, str, type(None))
_ABSENT = object()


class CallbackState:
    """Follows the attributes of callbacks during a training, possibly of several stages.

    To be made before the first stage. An attribute is progress if it differs from its start value:
    the one that `on_train_begin` sets, else the one when the training began.

    Args:
        callbacks: In the order in which they run.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self.callbacks = list(callbacks)
        self._first = self._before = self._begun = [_plain(callback) for callback in self.callbacks]

    def before_stage(self) -> None:
        """To be called before the callbacks' `on_train_begin`."""
        self._before = [_plain(callback) for callback in self.callbacks]

    def stage_begun(self) -> None:
        """To be called after the callbacks' `on_train_begin`."""
        self._begun = [_plain(callback) for callback in self.callbacks]

    def values(self) -> tuple[list[list[Any]], dict[str, Array]]:
        """Collects what a checkpoint keeps.

        Returns:
            counters: JSON-able; `[class name, {attribute: value}]` for each callback.
            arrays: By "<number of the callback>/<attribute>/<place in the list>".
        """
        kept: list[list[Any]] = []
        arrays: dict[str, Array] = {}
        for i, callback in enumerate(self.callbacks):
            first, before, begun = self._first[i], self._before[i], self._begun[i]
            changed = {}
            for name, value in _plain(callback).items():
                # A callback that resets a counter in on_train_begin did not make progress by it.
                was_set = not _same(before.get(name, _ABSENT), begun.get(name, _ABSENT))
                if not _same(value, (begun if was_set else first).get(name, _ABSENT)):
                    changed[name] = value
            kept.append([type(callback).__name__, changed])
            for name, values in _lists_of_arrays(callback).items():
                arrays |= {f"{i}/{name}/{j:05d}": value for j, value in enumerate(values)}
        return kept, arrays

    def restore(self, kept: Sequence[Sequence[Any]], arrays: Mapping[str, Array]) -> list[str]:
        """Restores the progress of callbacks, matched by class and order.

        Args:
            kept: The counters of `values`.
            arrays: The arrays of `values`.

        Returns:
            Names of classes that got no progress, or whose progress was left over.
        """
        waiting: dict[str, list[keras.callbacks.Callback]] = {}
        for callback in self.callbacks:
            waiting.setdefault(type(callback).__name__, []).append(callback)
        lists: dict[int, dict[str, list[Array]]] = {}
        for key in sorted(arrays):
            number, name, _ = key.split("/")
            lists.setdefault(int(number), {}).setdefault(name, []).append(arrays[key])
        left = []
        for i, (kind, changed) in enumerate(kept):
            if waiting.get(kind):
                callback = waiting[kind].pop(0)
                for name, value in (changed | lists.get(i, {})).items():
                    # A checkpoint is a file from anywhere: it must not reach private attributes.
                    if not name.startswith("_"):
                        setattr(callback, name, value)
            elif changed:
                left.append(kind)
        return left + [kind for kind, callbacks in waiting.items() for _ in callbacks]


def _plain(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Attributes that are numbers or text."""
    found = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in _public(callback).items()
    }
    return {name: value for name, value in found.items() if type(value) in _PLAIN}


def _lists_of_arrays(callback: keras.callbacks.Callback) -> dict[str, list[Array]]:
    def are_arrays(value: Any) -> bool:
        return (
            isinstance(value, list)
            and bool(value)
            and all(isinstance(item, np.ndarray) and item.dtype.kind in "fiub" for item in value)
        )

    return {name: value for name, value in _public(callback).items() if are_arrays(value)}


def _public(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Public attributes without settings."""
    # Arguments of __init__ are the user's wishes of today, not progress of the earlier run.
    settings = {
        name
        for kind in type(callback).__mro__
        if "__init__" in vars(kind) and kind is not object
        for name in inspect.signature(vars(kind)["__init__"]).parameters
    }
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and name not in settings
    }


def _same(value: object, other: object) -> bool:
    both_nan = (
        isinstance(value, float)
        and isinstance(other, float)
        and math.isnan(value)
        and math.isnan(other)
    )
    return both_nan or type(value) is type(other) and value == other
