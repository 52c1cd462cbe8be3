"""Training of one classifier in a run folder, measured after some epochs.

An epoch is a function of the weights, the optimiser's state, the seed and its number: the order of
the images, augmentation and dropout are seeded for each epoch. So a training that was killed ends
like an uninterrupted one.
"""

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fashion.classify.augmentation import augment, mirrored
from fashion.classify.data import Images, split
from fashion.classify.networks import build
from fashion.classify.recipes import (
    BATCH_SIZE,
    Recipe,
    averaged_weights,
    cross_entropy,
    make_optimizer,
)
from fashion.classify.results import accuracy, is_measured, mean_loss, write_results
from mrcnn.config import Config
from mrcnn.locks import locked
from mrcnn.modeling.devices import use_xla
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit import fit
from mrcnn.training.progress import EpochClock
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.typing import Array
from mrcnn.weights.layer_files import save_weights

PREDICTED_AT_ONCE = 500

# Columns of history.csv, in this order, after the epoch.
_COLUMNS = ("loss", "accuracy", "seconds", "val_accuracy", "val_loss")


def train(
    folder: Path,
    network: str,
    recipe: Recipe,
    seed: int,
    train_images: Images,
    test_images: Images,
    *,
    on_batch: Callable[[int], object] = lambda images: None,
    on_epoch: Callable[[int], object] = lambda epoch: None,
) -> None:
    """Trains a network and measures it after each of `recipe.epochs`; resumes if interrupted.

    Args:
        folder: Folder of the run.
        network: A key of `NETWORKS`.
        recipe: How it is trained.
        seed: Seed of initial weights, order, augmentation and dropout.
        train_images: Images to train on; a share of them is held out.
        test_images: Images to test on.
        on_batch: Called after each batch with its number of images.
        on_epoch: Called at the start of each epoch with its number, from 1.

    Raises:
        ValueError: The folder holds a run with other arguments, or one that has passed an epoch
            without the measurement that is asked for.
        FloatingPointError: The loss is not finite.
        FolderInUse: Another training writes into the folder.
    """
    run = RunFolder(folder)
    with locked(run.path, "a training"):
        _train(run, network, recipe, seed, train_images, test_images, on_batch, on_epoch)


def _train(run, network, recipe, seed, train_images, test_images, on_batch, on_epoch):
    arguments = _checked_arguments(run, network, recipe, seed, len(train_images))
    # A kill after the last measurement may leave the checkpoint one epoch behind.
    done = epochs_in(run.last)
    if done >= max(recipe.epochs) and all(is_measured(run.path, epoch) for epoch in recipe.epochs):
        return
    run.write_config(arguments)
    train_images, validation = split(train_images, recipe.held_out)
    _check_no_measurement_missed(run.path, recipe.epochs, done)
    keras.utils.set_random_seed(seed)
    model = build(network, recipe.dropout)
    parts = {"train": train_images, "validation": validation, "test": test_images}
    clock = EpochClock()
    state: dict[str, Any] = {}  # of the training, filled by `fit`
    callbacks = [
        clock,
        _SeededDropouts(seed),
        _Progress(len(train_images), on_batch, on_epoch),
        _Measurement(run, recipe, state, parts, {"network": network, "seed": seed}),
    ]
    fit(
        model,
        _EpochBatches(train_images, recipe, seed),
        [Stage("", "all", max(recipe.epochs), recipe.rate)],
        run,
        functools.partial(_compile, model, recipe),
        evaluate=functools.partial(_evaluate, model, validation, clock),
        resume=run.last.exists(),
        state=state,
        callbacks=callbacks,
        tensorboard=False,
        quiet=True,
    )


def epochs_done(folder: Path) -> int:
    """Reads how many epochs of a run are complete.

    Args:
        folder: Folder of the run, which need not exist.

    Returns:
        Complete epochs.
    """
    return epochs_in(RunFolder(folder).last)


def predict(model: keras.Model, pixels: Array, both_sides: bool = False) -> Array:
    """Predicts the classes of images.

    Args:
        model: Network of `fashion.classify.networks`.
        pixels: `(N, 28, 28)` uint8.
        both_sides: Whether to average over the images and their mirror images.

    Returns:
        `(N, 10)` float32, probabilities.
    """
    views = [pixels, mirrored(pixels, np.ones(len(pixels), bool))] if both_sides else [pixels]
    logits = [model.predict(view, batch_size=PREDICTED_AT_ONCE, verbose=0) for view in views]
    return np.mean([_softmax(values) for values in logits], axis=0)


class _EpochBatches(keras.utils.PyDataset):
    """Batches of an epoch: shuffled and augmented images, a function of (seed, epoch)."""

    def __init__(self, images: Images, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.epoch = 0  # from 0; set by `fit`
        self._images, self._recipe, self._seed = images, recipe, seed
        self._ready: tuple[int, Images] | None = None  # an epoch, and its images

    def __len__(self) -> int:
        return -(-len(self._images) // BATCH_SIZE)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        if self._ready is None or self._ready[0] != self.epoch:
            self._ready = self.epoch, self._augmented(self.epoch)
        batch = self._ready[1].rows(slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE))
        return batch.pixels, batch.labels

    def _augmented(self, epoch: int) -> Images:
        rng = np.random.default_rng([self._seed, epoch + 1])
        images = self._images.rows(rng.permutation(len(self._images)))
        recipe = self._recipe
        pixels = augment(
            images.pixels, rng, mirror=recipe.mirror, shift=recipe.shift, erase=recipe.erase
        )
        return Images(pixels, images.labels)


def _compile(model: keras.Model, recipe: Recipe, stage: Stage, steps: int) -> None:
    model.compile(
        make_optimizer(recipe, steps // stage.epochs, stage.epochs),
        cross_entropy(recipe.smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        jit_compile=use_xla(Config()),
    )


def _evaluate(
    model: keras.Model, validation: Images, clock: EpochClock, epoch: int
) -> dict[str, float]:
    """The columns of an epoch that Keras does not know."""
    row = {"seconds": round(clock.seconds(), 2)}  # of the training alone
    if not len(validation):
        return row
    with averaged_weights(model):
        probabilities = predict(model, validation.pixels)
    return row | {
        "val_accuracy": accuracy(probabilities, validation.labels),
        "val_loss": mean_loss(probabilities, validation.labels),
    }


class _SeededDropouts(keras.callbacks.Callback):
    """Seeds each dropout layer by (seed, epoch, number of the layer)."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        layers = [layer for layer in self.model.layers if getattr(layer, "seed_generator", None)]
        for i, layer in enumerate(layers):
            state = np.random.SeedSequence([self._seed, epoch + 1, i]).generate_state(2)
            layer.seed_generator.state.assign(state >> 1)  # 31 bits fit every backend


class _Progress(keras.callbacks.Callback):
    """Returns how many images were seen."""

    def __init__(self, num_images, on_batch, on_epoch) -> None:
        super().__init__()
        self._num_images, self._on_batch, self._on_epoch = num_images, on_batch, on_epoch

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        self._left = self._num_images
        self._on_epoch(epoch + 1)

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        self._on_batch(min(BATCH_SIZE, self._left))
        self._left -= BATCH_SIZE


class _Measurement(keras.callbacks.Callback):
    """Predicts and scores all images after the epochs that the recipe names.

    Before the checkpoint of the epoch is written: a kill in between repeats the epoch, which ends
    the same.
    """

    def __init__(self, run, recipe, state, parts, names) -> None:
        super().__init__()
        self._run, self._recipe, self._state = run, recipe, state
        self._parts = {name: images for name, images in parts.items() if len(images)}
        self._names = names

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs if logs is not None else {}
        row = {name: float(logs[name]) for name in _COLUMNS if name in logs}
        logs.clear()
        logs.update(row)
        if epoch + 1 in self._recipe.epochs:
            history = [*self._state["history"], {"epoch": epoch + 1} | row]
            self._run.write_history(history)
            with averaged_weights(self.model):
                self._measure(epoch + 1, history)

    def _measure(self, epoch: int, history: Sequence[Mapping[str, Any]]) -> None:
        folder, model, names = self._run.path, self.model, self._names
        save_weights(model, folder / f"weights_{epoch:03d}.h5", metadata=names | {"epoch": epoch})
        both_sides = self._recipe.both_sides
        probabilities = {
            name: predict(model, images.pixels, both_sides) for name, images in self._parts.items()
        }
        val_accuracies = [row["val_accuracy"] for row in history if "val_accuracy" in row]
        write_results(
            folder,
            epoch,
            probabilities,
            {name: images.labels for name, images in self._parts.items()},
            names
            | {
                "summary": self._recipe.summary,
                "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
                "seconds_per_epoch": float(np.median([row["seconds"] for row in history])),
                "best_validation_accuracy": max(val_accuracies, default=None),
            },
        )


def _checked_arguments(
    run: RunFolder, network: str, recipe: Recipe, seed: int, images: int
) -> dict[str, Any]:
    """What config.json says; ValueError if it says something else already.

    Only the end of a training may change, if nothing before depends on it.
    """
    arguments = {"network": network, "seed": seed, "images": images, "batch": BATCH_SIZE}
    arguments = json.loads(json.dumps(arguments | dataclasses.asdict(recipe)))
    if run.config.exists():
        free = {"summary"} | ({"epochs"} if recipe.shape == "constant" else set())
        before = run.read_config()
        different = [
            f"{key} {before.get(key)!r} there, {value!r} here"
            for key, value in arguments.items()
            if key not in free and before.get(key) != value
        ]
        if different:
            raise ValueError(
                f"{run.path} was started with other arguments ({'; '.join(different)}). Give "
                "another folder with --out."
            )
    return arguments


def _check_no_measurement_missed(folder: Path, epochs: Sequence[int], done: int) -> None:
    lost = [epoch for epoch in epochs if epoch <= done and not is_measured(folder, epoch)]
    if lost:
        raise ValueError(
            f"{folder} has {done} complete epochs and was not measured after epoch {lost[0]}. "
            f"Give a number above {done} with --epochs, or another folder with --out."
        )


def _softmax(logits):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)
