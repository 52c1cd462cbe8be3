"""Copies of a thing that threads cannot share, one for each of them."""

import copy
import threading


class CopyPerThread:
    """A thing that is changed by its use: every thread gets a deep copy of its own, made when it first asks.

    Pickled, it is the thing without its copies.
    """

    def __init__(self, thing):
        self._thing, self._here = thing, threading.local()

    def get(self):
        """This thread's copy, always the same: making one may take longer than using it."""
        if not hasattr(self._here, "copy"):
            self._here.copy = copy.deepcopy(self._thing)
        return self._here.copy

    def __reduce__(self):
        return CopyPerThread, (self._thing,)
