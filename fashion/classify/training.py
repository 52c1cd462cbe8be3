"""Training: one network, one seed, in a run folder, from the start or from the last whole epoch; every epoch leaves the folder complete.

An epoch is a function of the weights, the optimiser's state, the seed and its number: the order of the images, what augmentation draws
and what dropout draws begin anew with each. So a training that was killed ends as one that was not.
"""

import dataclasses
import json
import math
import time

import keras
import numpy as np

from fashion.classify.augmentation import augment, mirrored
from fashion.classify.data import Images, split
from fashion.classify.networks import build
from fashion.classify.recipes import BATCH_SIZE, averaged_weights, cross_entropy, make_optimizer
from fashion.classify.results import accuracy, is_measured, mean_loss, write_results
from mrcnn.config import Config
from mrcnn.locks import locked
from mrcnn.modeling.devices import use_xla
from mrcnn.training.checkpoints import load_state, read_state, save_checkpoint
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.layer_files import load_weights, save_weights

PREDICTED_AT_ONCE = 500


def train(
    folder,
    network,
    recipe,
    seed,
    train_images,
    test_images,
    *,
    advance=lambda images: None,
    told=lambda epoch: None,
):
    """Train `network` as `recipe` says and measure it after each of `recipe.epochs`; goes on where `folder` broke off.

    network: a key of NETWORKS; train_images, test_images: Images; advance: called with the number of images of every step
    told: called with the number of each epoch as it begins, from 1
    Raises ValueError if `folder` was begun otherwise, or is further than a measurement that it lacks, FloatingPointError if the loss is no
    finite number any more, FolderInUse if another training writes into `folder`.
    """
    run = RunFolder(folder)
    with locked(run.path, "a training"):
        _train(run, network, recipe, seed, train_images, test_images, advance, told)


def _train(run, network, recipe, seed, train_images, test_images, advance, told):
    folder = run.path
    order = _checked_order(run, network, recipe, seed, len(train_images))
    if all(is_measured(folder, epoch) for epoch in recipe.epochs):
        return
    run.write_config(order)
    train_images, validation = split(train_images, recipe.held_out)
    model = _compiled(network, recipe, seed, len(train_images))
    state = {"epoch": 0, "history": []}
    if run.last.exists():
        load_weights(model, run.last)
        state = load_state(run.last, model.optimizer)
    _check_marks(folder, recipe.epochs, state["epoch"])
    for epoch in range(state["epoch"] + 1, max(recipe.epochs) + 1):
        told(epoch)
        row = {"epoch": epoch} | _train_epoch(model, recipe, seed, epoch, train_images, advance)
        with averaged_weights(model):
            if len(validation):
                probabilities = predict(model, validation.pixels)
                row |= {
                    "val_accuracy": accuracy(probabilities, validation.labels),
                    "val_loss": mean_loss(probabilities, validation.labels),
                }
            state = {"epoch": epoch, "history": [*state["history"], row]}
            run.write_history(state["history"])
            if (
                epoch in recipe.epochs
            ):  # before the checkpoint: a kill in between repeats the epoch, which ends the same
                _measure(
                    folder,
                    model,
                    recipe,
                    state,
                    {"train": train_images, "validation": validation, "test": test_images},
                    {"network": network, "seed": seed},
                )
        save_checkpoint(model, run.last, optimizer=model.optimizer, state=state)


def epochs_done(folder):
    """How many epochs a run folder has behind it, 0 if there is none."""
    last = RunFolder(folder).last
    return read_state(last)["epoch"] if last.exists() else 0


def predict(model, pixels, both_sides=False):
    """Probabilities (N, 10) float32 of images (N, 28, 28) uint8; both_sides: the mean of those of the image and its mirror image."""
    views = [pixels, mirrored(pixels, np.ones(len(pixels), bool))] if both_sides else [pixels]
    logits = [model.predict(view, batch_size=PREDICTED_AT_ONCE, verbose=0) for view in views]
    return np.mean([_softmax(values) for values in logits], axis=0)


class _Steps(keras.callbacks.Callback):
    def __init__(self, advance, images):
        super().__init__()
        self.advance, self.left = advance, images

    def on_train_batch_end(self, batch, logs=None):
        self.advance(min(BATCH_SIZE, self.left))
        self.left -= BATCH_SIZE


def _checked_order(run, network, recipe, seed, images):
    """What config.json says. What may change is when a training ends, as long as nothing before that depends on it."""
    order = json.loads(
        json.dumps(
            {"network": network, "seed": seed, "images": images, "batch": BATCH_SIZE}
            | dataclasses.asdict(recipe)
        )
    )
    if run.config.exists():
        free = {"summary"} | ({"epochs"} if recipe.shape == "constant" else set())
        before = run.read_config()
        different = [
            f"{key} {before.get(key)!r} there, {value!r} here"
            for key, value in order.items()
            if key not in free and before.get(key) != value
        ]
        if different:
            raise ValueError(
                f"{run.path} was begun otherwise ({'; '.join(different)}). Give another folder with --out."
            )
    return order


def _check_marks(folder, epochs, done):
    lost = [epoch for epoch in epochs if epoch <= done and not is_measured(folder, epoch)]
    if lost:
        raise ValueError(
            f"{folder} has {done} epochs behind it and was not measured after {lost[0]}. Give a number above {done} with "
            "--epochs, or another folder with --out."
        )


def _compiled(network, recipe, seed, images):
    keras.utils.set_random_seed(seed)
    model = build(network, recipe.dropout)
    optimizer = make_optimizer(recipe, -(-images // BATCH_SIZE), max(recipe.epochs))
    model.compile(
        optimizer,
        cross_entropy(recipe.smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        jit_compile=use_xla(Config()),
    )
    optimizer.build(model.trainable_variables)
    return model


def _train_epoch(model, recipe, seed, epoch, images, advance):
    """{"loss", "accuracy"} while training, with dropout and augmentation in force, and {"seconds"}."""
    start, rng = time.perf_counter(), np.random.default_rng([seed, epoch])
    images = images.rows(rng.permutation(len(images)))
    images = Images(
        augment(images.pixels, rng, mirror=recipe.mirror, shift=recipe.shift, erase=recipe.erase),
        images.labels,
    )
    _seed_dropout(model, seed, epoch)
    logs = model.fit(
        images.pixels,
        images.labels,
        batch_size=BATCH_SIZE,
        shuffle=False,
        verbose=0,
        callbacks=[_Steps(advance, len(images))],
    ).history
    if not math.isfinite(logs["loss"][0]):
        raise FloatingPointError(
            f"In epoch {epoch} the loss is no finite number any more; what was kept is of the one before. Train at a "
            "lower rate, into another folder."
        )
    return {
        "loss": float(logs["loss"][0]),
        "accuracy": float(logs["accuracy"][0]),
        "seconds": round(time.perf_counter() - start, 2),
    }


def _seed_dropout(model, seed, epoch):
    layers = [layer for layer in model.layers if getattr(layer, "seed_generator", None)]
    for i, layer in enumerate(layers):
        layer.seed_generator.state.assign(
            np.random.SeedSequence([seed, epoch, i]).generate_state(2) >> 1
        )  # 31 bits fit every backend


def _measure(folder, model, recipe, state, parts, names):
    """Predict all parts, and write what is known after this epoch."""
    epoch, history = state["epoch"], state["history"]
    save_weights(model, folder / f"weights_{epoch:03d}.h5", metadata=names | {"epoch": epoch})
    parts = {name: images for name, images in parts.items() if len(images)}
    probabilities = {
        name: predict(model, images.pixels, recipe.both_sides) for name, images in parts.items()
    }
    write_results(
        folder,
        epoch,
        probabilities,
        {name: images.labels for name, images in parts.items()},
        names
        | {
            "summary": recipe.summary,
            "parameters": sum(math.prod(variable.shape) for variable in model.trainable_variables),
            "seconds_per_epoch": float(np.median([row["seconds"] for row in history])),
            "best_validation_accuracy": max(
                (row["val_accuracy"] for row in history if "val_accuracy" in row), default=None
            ),
        },
    )


def _softmax(logits):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)
