"""fit, for any network: what was broken off and resumed is what was never broken off."""

import io

import keras
import numpy as np
import pytest
from tqdm import tqdm

from mrcnn.data.loading.samplers import RepeatSampler
from mrcnn.training.callbacks import SeededDropout
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit import fit
from mrcnn.training.progress import BatchBar, EpochClock, set_forward
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage


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


def train(folder, epochs, optimizer, bar=None):
    model, batches = network(), Noise(seed=1)
    run, clock = RunFolder(folder), EpochClock()
    if bar is not None:
        set_forward(bar, epochs_in(run.last) * len(batches))

    def compile_stage(stage, steps):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(stage.learning_rate), loss)

    history = fit(
        model,
        batches,
        [Stage("all", "all", epochs, 0.01)],
        run,
        compile_stage,
        evaluate=lambda epoch: {"val_accuracy": 0.5, "seconds": clock.seconds()},
        resume=run.last.exists(),
        callbacks=[SeededDropout(batches.seed), clock, *([BatchBar(bar)] if bar else [])],
        tensorboard=False,
        quiet=True,
    )
    assert batches.closed
    return model, [{**row, "seconds": 0} for row in history]


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.Adam, lambda rate: keras.optimizers.SGD(rate, momentum=0.9)],
    ids=["adam", "sgd"],
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
    for a, b in zip(whole.weights, resumed.weights):
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
