"""fit, for any network: what was broken off and resumed is what was never broken off."""

import io

import keras
import numpy as np
import pytest
from tqdm import tqdm

from mrcnn.config import Config
from mrcnn.data.loading.samplers import RepeatSampler
from mrcnn.keras_internals import moving_averages
from mrcnn.training.callbacks import SeededDropout
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit import fit
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.progress import BatchBar, EpochClock, set_forward
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights


class Noise(keras.utils.PyDataset):
    """Three batches an epoch of two pictures of noise, with labels of 0 to 2, drawn anew for every
    position."""

    def __init__(self, seed):
        super().__init__()
        self.seed, self.epoch, self.sampler, self.closed = (
            seed,
            0,
            RepeatSampler(np.ones(6), seed),
            False,
        )

    def close(self):
        self.closed = True

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return rng.normal(size=(2, 8, 8, 3)).astype(np.float32), rng.integers(0, 3, 2)


def network():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="first")(image)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Dropout(0.4, name="drop")(x)
    return keras.Model(image, keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(x)))


def everything(rate):
    """Every part of an optimiser that has a state; two batches an update, three an epoch."""
    settings = {
        "OPTIMIZER": "nesterov",
        "LR_SCHEDULE": "step",
        "LR_STEPS": (0.03, 0.07),
        "WARMUP_STEPS": 2,
        "ACCUMULATE": 2,
        "EMA_MOMENTUM": 0.9,
    }
    return make_optimizer(Config.from_dict(settings), rate, 100)


def state_of(model):
    return [*model.weights, *model.optimizer.variables]


def train(folder, epochs, optimizer, bar=None, evaluate=None, watch=(), **options):
    model, batches = network(), Noise(seed=1)
    run, clock = RunFolder(folder), EpochClock()
    if bar is not None:
        set_forward(bar, epochs_in(run.last) * len(batches))

    def compile_stage(stage, steps):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        # Tracing the graph of a step takes longer than all these steps.
        model.compile(optimizer(stage.learning_rate), loss, run_eagerly=True)

    history = fit(
        model,
        batches,
        [Stage("all", "all", epochs, 0.01)],
        run,
        compile_stage,
        evaluate=evaluate or (lambda epoch: {"val_accuracy": 0.5, "seconds": clock.seconds()}),
        resume=run.last.exists(),
        callbacks=[SeededDropout(batches.seed), clock, *([BatchBar(bar)] if bar else []), *watch],
        tensorboard=False,
        quiet=True,
        **options,
    )
    assert batches.closed
    return model, [{**row, "seconds": 0} for row in history]


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.Adam, lambda rate: keras.optimizers.SGD(rate, momentum=0.9), everything],
    ids=["adam", "sgd", "everything"],
)
def test_a_resumed_training_is_the_unbroken_one(tmp_path, optimizer):
    with tqdm(total=9, file=io.StringIO()) as bar:
        whole, history = train(tmp_path / "whole", 3, optimizer, bar)
        assert bar.n == 9 and bar.initial == 0 and bar.postfix.startswith("loss ")
    train(tmp_path / "broken", 1, optimizer)
    with tqdm(total=9, file=io.StringIO()) as bar:
        resumed, rest = train(tmp_path / "broken", 3, optimizer, bar)
        assert bar.n == 9 and bar.initial == 3
    assert (
        rest == history
        and [row["epoch"] for row in rest] == [1, 2, 3]
        and history[0]["val_accuracy"] == 0.5
    )
    for a, b in zip(state_of(whole), state_of(resumed), strict=True):
        assert np.array_equal(a, b), a.path
    again, finished = train(tmp_path / "broken", 3, optimizer)  # nothing is left to do
    assert finished == history and all(
        np.array_equal(a, b) for a, b in zip(whole.weights, again.weights)
    )


@pytest.mark.slow
def test_a_loss_that_is_not_finite_keeps_the_last_good_epoch(tmp_path, monkeypatch):
    train(tmp_path, 1, keras.optimizers.SGD)
    before, getitem = (tmp_path / "last.h5").read_bytes(), Noise.__getitem__

    def spoiled(self, index):
        images, labels = getitem(self, index)
        return images * (np.nan if index == 1 else 1), labels

    monkeypatch.setattr(Noise, "__getitem__", spoiled)
    with pytest.raises(
        FloatingPointError, match=r"After batch 2 of epoch 2 .*last\.h5 still holds epoch 1"
    ):
        train(tmp_path, 3, keras.optimizers.SGD)
    assert (tmp_path / "last.h5").read_bytes() == before


@pytest.mark.slow
def test_a_rate_asked_for_anew_applies(tmp_path):
    train(tmp_path, 1, keras.optimizers.SGD)
    model, _ = train(tmp_path, 2, lambda rate: keras.optimizers.SGD(rate / 4))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0025)


def distance(model):
    """Of the first kernel from 0."""
    return float(np.abs(np.asarray(model.get_layer("first").kernel)).sum())


@pytest.mark.slow
@pytest.mark.parametrize("average_wins", [True, False])
def test_the_better_of_weights_and_their_average_is_kept(tmp_path, average_wins):
    """`evaluate` sees the average first, then the weights."""
    seen = []

    def evaluate(epoch):
        seen.append(distance(seen_model[0]))
        return {"val_accuracy": 0.5 + (0.1 if (len(seen) % 2 == 1) == average_wins else 0.0)}

    seen_model = []

    class Model(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen_model.append(self.model)

    model, batches = network(), Noise(seed=1)
    run = RunFolder(tmp_path)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    history = fit(
        model,
        batches,
        [Stage("all", "all", 2, 0.1)],
        run,
        lambda stage, steps: model.compile(everything(stage.learning_rate), loss, run_eagerly=True),
        evaluate=evaluate,
        score="val_accuracy",
        callbacks=[Model()],
        tensorboard=False,
        quiet=True,
    )
    first = "ema_val_accuracy" if average_wins else "val_accuracy"
    assert [row[first] for row in history] == [0.6, 0.6]
    assert read_metadata(run.best).get("averaged", False) == average_wins
    # Keras would have left the average in the model.
    assert distance(model) == pytest.approx(seen[3]) and seen[2] != pytest.approx(seen[3])
    load_weights(model, run.best)
    assert distance(model) == pytest.approx(seen[0 if average_wins else 1])
    load_weights(model, run.last)
    assert distance(model) == pytest.approx(seen[3])
    average = dict((w.path, a) for w, a in moving_averages(model.optimizer))["first/kernel"]
    assert float(np.abs(np.asarray(average)).sum()) == pytest.approx(seen[2])


def test_where_the_average_is_the_weights_they_are_evaluated_once(tmp_path):
    epochs = []
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = network()
    history = fit(
        model,
        Noise(seed=1),
        [Stage("all", "all", 1, 0.1)],
        RunFolder(tmp_path),
        lambda stage, steps: model.compile(
            keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.0), loss, run_eagerly=True
        ),
        evaluate=lambda epoch: epochs.append(epoch) or {"val_accuracy": 0.5},
        score="val_accuracy",
        tensorboard=False,
        quiet=True,
    )
    assert epochs == [0] and "ema_val_accuracy" not in history[0]


@pytest.mark.slow
def test_a_stage_without_progress_ends_after_its_patience_also_when_resumed(tmp_path):
    """The best score comes in the second epoch of 8; two epochs later it is over."""
    scores = [0.1, 0.3, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9]
    options = {
        "evaluate": lambda epoch: {"val_accuracy": scores[epoch]},
        "score": "val_accuracy",
        "patience": 2,
    }
    _, whole = train(tmp_path / "whole", 8, keras.optimizers.SGD, **options)
    assert [row["epoch"] for row in whole] == [1, 2, 3, 4]

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", 8, keras.optimizers.SGD, watch=[Kill()], **options)
    for _ in range(2):  # and once more, when nothing is left to do
        assert train(tmp_path / "broken", 8, keras.optimizers.SGD, **options)[1] == whole


def test_patience_without_a_score_is_refused(tmp_path):
    with pytest.raises(ValueError, match="patience needs `evaluate` and the name of a `score`"):
        train(tmp_path, 1, keras.optimizers.SGD, patience=3)


@pytest.mark.slow
def test_the_last_checkpoints_are_kept_and_each_resumes(tmp_path):
    whole, history = train(tmp_path / "whole", 4, keras.optimizers.SGD, keep=2)
    kept = RunFolder(tmp_path / "whole").kept_checkpoints()
    assert list(kept) == [3, 4] and epochs_in(kept[3]) == 3 and epochs_in(kept[4]) == 4
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "last.h5").write_bytes(kept[3].read_bytes())
    other, rest = train(tmp_path / "other", 4, keras.optimizers.SGD, keep=2)
    assert rest == history and list(RunFolder(tmp_path / "other").kept_checkpoints()) == [3, 4]
    for a, b in zip(whole.weights, other.weights, strict=True):
        assert np.array_equal(a, b), a.path
