"""fit_network: train any network in a run folder, from the start or from after its last whole epoch. The detector has its own, `fit`."""

import time

import keras

from mrcnn.data.loading.prefetch import closing_batches
from mrcnn.locks import locked
from mrcnn.training.callbacks import RunRecorder, RunSaver
from mrcnn.training.checkpoints import load_state, rate_of, read_state
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.layer_files import load_weights


def fit_network(model, batches, folder, *, epochs, optimizer, loss, evaluate, xla=False, bar=None):
    """Train up to `epochs`; each leaves last.h5 and history.csv, from which the next call goes on.

    model: a keras.Model; optimizer: of Keras, new; loss: callable (labels, outputs) -> scalar
    batches: a keras.utils.PyDataset that is a function of its `seed` and of `epoch`, which is set here, and has a `sampler`, a
        `RepeatSampler`; closed at the end
    evaluate: callable () -> {name: number}, called after every epoch
    bar: a tqdm bar that moves with every batch and tells the loss; what earlier calls did it has behind it at once
    Returns: the history, a list of one dict an epoch: epoch, loss, what `evaluate` returned, seconds.
    Raises FloatingPointError as soon as the loss is not finite; what was saved before stays. FolderInUse if another training writes into
    the folder.
    """
    run = RunFolder(folder)
    with locked(run.path, "a training"):
        return _fit_network(model, batches, run, epochs, optimizer, loss, evaluate, xla, bar)


def _fit_network(model, batches, run, epochs, optimizer, loss, evaluate, xla, bar):
    run.remove_leftovers()
    model.compile(optimizer, loss=loss, jit_compile=xla)
    optimizer.build(model.trainable_variables)
    state = read_state(run.last) if run.last.exists() else {"epoch": 0, "best": -1.0, "history": []}
    asked = rate_of(optimizer)
    if state["epoch"]:
        load_weights(model, run.last)
        load_state(run.last, optimizer)
        if bar is not None:
            set_forward(bar, state["epoch"] * len(batches))
    state["learning_rate"] = asked
    recorder = RunRecorder(
        run,
        batches,
        stage="all",
        evaluate=None,
        score=None,
        every=1,
        last_epoch=epochs,
        state=state,
        metadata={},
    )
    # The epoch's scores enter the logs before the recorder writes them down.
    with closing_batches(batches):
        model.fit(
            batches,
            initial_epoch=state["epoch"],
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[
                _EachEpoch(evaluate, batches.seed),
                recorder,
                RunSaver(recorder),
                *([_Ticks(bar)] if bar is not None else []),
            ],
        )
    return state["history"]


def set_forward(bar, count):
    """Let a tqdm bar stand `count` further: work of an earlier process, which says nothing of how fast this one is."""
    bar.n, bar.initial, bar.last_print_n = (
        bar.n + count,
        bar.initial + count,
        bar.last_print_n + count,
    )
    bar.refresh()


class _EachEpoch(keras.callbacks.Callback):
    """Scores the model; and what dropout drops is a function of (seed, epoch), so that a resumed run drops the same."""

    def __init__(self, evaluate, seed):
        super().__init__()
        self.evaluate, self.seed = evaluate, seed

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([self.seed, epoch])

    def on_epoch_end(self, epoch, logs=None):
        _ = self.model  # on JAX, asking for it brings the weights back from the training step
        logs.update(self.evaluate())
        logs["seconds"] = time.monotonic() - self.began


class _Ticks(keras.callbacks.Callback):
    def __init__(self, bar):
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch, logs=None):
        self.bar.set_postfix_str(f"loss {logs['loss']:.3f}", refresh=False)
        self.bar.update()
