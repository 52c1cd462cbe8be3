"""The front door: class MaskRCNN as Matterport's scripts know it. It renames, converts and delegates; it computes nothing."""
import logging
from datetime import datetime
from pathlib import Path

import numpy as np

from mrcnn.data.augmentation import ImgaugAugmenter
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.inference.predict import Predictor, full_masks
from mrcnn.modeling.build import build_detector
from mrcnn.training.checkpoints import load_weights, read_state
from mrcnn.training.fit import fit, use_xla
from mrcnn.training.imagenet import load_imagenet
from mrcnn.training.layer_groups import set_trainable
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.schedules import Stage


class MaskRCNN:
    """Mask R-CNN with Matterport's methods.

    mode: "training" or "inference", kept for scripts; one model does both. config: a `Config`; model_dir: where run folders go;
    extra_heads: `RoIHead`s of your own. `keras_model` is the Keras model, a `Detector`; `log_dir` the run folder of this training.
    """

    def __init__(self, mode, config, model_dir, extra_heads=()):
        if mode not in ("training", "inference"):
            raise ValueError(f'mode must be "training" or "inference". Got {mode!r}.')
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self.keras_model = build_detector(config, extra_heads)
        self.epoch, self.log_dir, self._predictor = 0, None, None

    def train(self, train_dataset, val_dataset, learning_rate, epochs, layers, augmentation=None, custom_callbacks=None,
              no_augmentation_sources=None):
        """Train up to epoch number `epochs`, counted over all calls; nothing happens if the model is past it, so a script that
        trains in several calls can be run again after `load_weights(find_last())`.

        layers: "heads", "3+", "4+", "5+", "all" or a regular expression; augmentation: an imgaug augmenter, or any callable
        (image, masks, rng) -> (image, masks). Each epoch leaves last.h5 and history.csv in `log_dir`.
        """
        if no_augmentation_sources:
            raise ValueError("no_augmentation_sources is not supported yet. Leave it out, or train on those sources in a call of their "
                             "own.")
        if epochs <= self.epoch:
            logging.getLogger(__name__).warning("Nothing to train: this model has %d epochs behind it, and epochs=%d counts from the "
                                                "start.", self.epoch, epochs)
            return
        if self.log_dir is None:
            self.log_dir = str(Path(self.model_dir) / f"{self.config.NAME.lower()}{datetime.now():%Y%m%dT%H%M%S}")
        if augmentation is not None and not _takes_masks(augmentation):
            augmentation = ImgaugAugmenter(augmentation)
        batches = training_batches(train_dataset, self.config, augmenter=augmentation)
        fit(self.keras_model, self.config, batches, [Stage(layers, layers, epochs - self.epoch, learning_rate)], RunFolder(self.log_dir),
            validation=validation_batches(val_dataset, self.config), first_epoch=self.epoch, callbacks=custom_callbacks or (),
            metadata={"config": self.config.to_dict()})
        self.epoch = epochs

    def detect(self, images, verbose=0):
        """Find objects in any number of photos: list of (h, w, 3) uint8 RGB -> list of dicts, one a photo.

        "rois" (N, 4) int32 yxyx, "class_ids" (N,) int32, "scores" (N,) float32, "masks" (h, w, N) bool, all of the photo's pixels,
        and the fields of extra heads.
        """
        if self._predictor is None:
            self._predictor = Predictor(self.keras_model, self.config, xla=use_xla(self.config))
        results = self._predictor(images)
        for image, result in zip(images, results, strict=True):
            result["masks"] = full_masks(result)
            if verbose:
                log("image", image)
        return results

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Fill layers from a file by their names; returns a report of what was loaded. `by_name` is accepted; it is always so.

        exclude: layers to leave as they are, for instance the class-dependent ones of a model with other classes. Without it, a
        run folder's last.h5 is also where training goes on from: its folder, and its count of epochs.
        """
        report = load_weights(self.keras_model, filepath, exclude=exclude or ())
        state = read_state(filepath) if str(filepath).endswith(".h5") else None
        if state and not exclude:
            self.log_dir, self.epoch = str(Path(filepath).parent), state["epoch"]
        return report

    def load_imagenet_weights(self):
        """Fill the backbone with ImageNet weights; returns a report."""
        return load_imagenet(self.keras_model, self.config.BACKBONE)

    def find_last(self):
        """The newest checkpoint of a training of this NAME in `model_dir`. Raises FileNotFoundError if there is none."""
        runs = sorted(Path(self.model_dir).glob(f"{self.config.NAME.lower()}{'[0-9]' * 8}T*/last.h5"))
        if not runs:
            raise FileNotFoundError(f"No checkpoint {self.config.NAME.lower()}*/last.h5 in {self.model_dir}. Train first, or check "
                                    "model_dir and the config's NAME.")
        return str(runs[-1])

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Let the layers that `layer_regex` names learn and freeze the others."""
        return set_trainable(keras_model or self.keras_model, self.config, layer_regex)


def log(text, array=None):
    """Print a text and, of an array, its shape, range and type; Matterport's `log`."""
    if array is not None:
        array = np.asarray(array)
        span = f"min: {array.min():10.5f}  max: {array.max():10.5f}" if array.size else "empty"
        text = f"{text:25}  shape: {array.shape!s:20}  {span}  {array.dtype}"
    print(text)


def _takes_masks(augmentation):
    """Whether it is an augmenter of ours rather than imgaug's."""
    return not type(augmentation).__module__.startswith("imgaug") and not hasattr(augmentation, "to_deterministic")
