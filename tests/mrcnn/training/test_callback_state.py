"""CallbackState: what callbacks counted comes back, what they were set to does not."""

from types import SimpleNamespace

import keras
import numpy as np

from mrcnn.training.callback_state import CallbackState


class Counter(keras.callbacks.Callback):
    def __init__(self, limit=5):
        super().__init__()
        self.limit, self.total, self.best, self.kept = limit, 0, None, None

    def on_train_begin(self, logs=None):
        self.best, self.began = np.inf, 17.0


def begun(callback):
    state = CallbackState([callback])
    state.before_stage()
    callback.on_train_begin()
    state.stage_begun()
    return state


def test_what_differs_from_the_beginning_comes_back():
    before = Counter()
    state = begun(before)
    before.total, before.best, before.kept = 3, np.float32(0.25), [np.arange(3.0), np.zeros((2, 2))]
    kept, arrays = state.values()
    assert kept == [["Counter", {"total": 3, "best": 0.25}]]
    assert list(arrays) == ["0/kept/00000", "0/kept/00001"]
    after = Counter(limit=9)
    assert begun(after).restore(kept, arrays) == []
    assert (after.total, after.best, after.limit, after.began) == (3, 0.25, 9, 17.0)
    assert [array.shape for array in after.kept] == [(3,), (2, 2)]


def test_what_a_stage_sets_anew_is_no_progress_and_what_it_leaves_is():
    callback = Counter()
    state = begun(callback)
    callback.total, callback.best, callback.began = 2, 0.5, 99.0
    state.before_stage()
    callback.on_train_begin()
    state.stage_begun()
    assert state.values()[0] == [["Counter", {"total": 2}]] and callback.best == np.inf


def test_each_callback_gets_the_progress_of_the_next_one_of_its_class():
    first, second = Counter(), Counter()
    state = CallbackState([keras.callbacks.EarlyStopping("loss"), first, second])
    first.total, second.total = 1, 2
    kept, arrays = state.values()
    now = [Counter(), keras.callbacks.History(), Counter(), Counter()]
    assert CallbackState(now).restore(kept, arrays) == ["Counter", "History"]
    assert [counter.total for counter in (now[0], now[2], now[3])] == [1, 2, 0]


def losses_until_stopped(callback, losses, model):
    for epoch, loss in losses:
        callback.on_epoch_end(epoch, {"loss": loss})
        if model.stop_training:
            return epoch
    return None


def test_early_stopping_stops_where_it_would_have_and_its_best_weights_are_the_first():
    losses = list(enumerate([1.0, 0.5, 0.6, 0.7, 0.8, 0.9]))

    def stopping(value):
        model = SimpleNamespace(
            stop_training=False, metrics=[], get_weights=lambda: [np.full(2, value)]
        )
        callback = keras.callbacks.EarlyStopping(
            "loss", mode="min", patience=3, min_delta=0.01, restore_best_weights=True
        )
        callback.set_model(model)
        return callback, model, begun(callback)

    callback, model, _ = stopping(1.0)
    assert losses_until_stopped(callback, losses, model) == 4
    callback, model, state = stopping(1.0)
    assert losses_until_stopped(callback, losses[:3], model) is None
    kept, arrays = state.values()
    callback, model, state = stopping(2.0)
    state.restore(kept, arrays)
    assert losses_until_stopped(callback, losses[3:], model) == 4 and callback.best_epoch == 1
    assert (callback.best_weights[0] == 1.0).all()
