"""A copy per thread of an object that is not safe to share between threads."""

import copy
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class CopyPerThread(Generic[T]):
    """Gives every thread its own deep copy of an object, made when it first asks.

    Pickled, it is the object without its copies.

    Args:
        original: The object; never changed.
    """

    def __init__(self, original: T) -> None:
        self._original, self._local = original, threading.local()

    def get(self) -> T:
        """Returns this thread's copy.

        Returns:
            The same copy every time: making one may take longer than using it.
        """
        if not hasattr(self._local, "copy"):
            self._local.copy = copy.deepcopy(self._original)
        return self._local.copy

    def __reduce__(self):
        return CopyPerThread, (self._original,)
