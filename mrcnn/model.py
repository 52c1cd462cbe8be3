"""The front door: class MaskRCNN as Matterport's scripts know it. It renames, converts and delegates; it computes nothing."""

import contextlib
import copy
import dataclasses
import glob
import logging
import re
from datetime import datetime, timedelta
from pathlib import Path

import keras
import numpy as np

from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.data.resize import Placement
from mrcnn.inference.compiled import without_retracing_warnings
from mrcnn.inference.pasting import full_masks
from mrcnn.inference.predict import Predictor
from mrcnn.inference.preprocessing import postprocess, preprocess
from mrcnn.legacy import (  # noqa: F401
    BatchNorm,
    DataGenerator,
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
    build_detection_targets,
    build_rpn_targets,
    compose_image_meta,
    compute_backbone_shapes,
    conv_block,
    data_generator,
    generate_random_rois,
    identity_block,
    load_image_gt,
    log,
    mold_image,
    parse_image_meta,
    smooth_l1_loss,
    unmold_image,
)
from mrcnn.legacy.graphs import *  # noqa: F403
from mrcnn.legacy.images import as_photos
from mrcnn.modeling.backbones.pretrained import load_imagenet
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.detector import LAYER_LOSS
from mrcnn.modeling.devices import check_process, devices_of, use_xla
from mrcnn.modeling.live_settings import LiveSettings
from mrcnn.ops.pixel_convention import CORNERS, from_unit, to_unit
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage, set_trainable
from mrcnn.weights.download import imagenet_resnet50_weights
from mrcnn.weights.layer_files import weight_layers

# <model_dir>/<name><YYYYmmddTHHMM>/mask_rcnn_<name>_<epoch>.h5
CHECKPOINT = re.compile(
    r".*[/\\][\w-]+(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[\w-]+?(\d{4})\.h5"
)


class MaskRCNN:
    """Mask R-CNN with Matterport's methods.

    mode: "training" or "inference", kept for scripts; one model does both. config: a `Config`; model_dir: where run folders go;
    extra_heads: see `build_detector`. `keras_model` is the Keras model, a `Detector`; `log_dir` the folder of this training, made
    when it begins; `epoch` how many epochs the model has behind it.
    """

    def __init__(self, mode, config, model_dir, extra_heads=()):
        if mode not in ("training", "inference"):
            raise ValueError(f'mode must be "training" or "inference". Got {mode!r}.')
        if "BATCH_SIZE" in vars(config):  # and not in a subclass that leaves out super().__init__()
            config.validate()  # settings may have been made since
            config.derive()
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self._extra_heads, self._predictor, self.anchors = extra_heads, None, None
        self._warned, self._told = set(), 0
        self.set_log_dir()
        self.keras_model = self.build(mode, config)
        self._live_settings = LiveSettings(self.keras_model, config)

    def build(self, mode, config):
        """The Keras model, a `Detector`, with fresh weights."""
        return build_detector(config, self._extra_heads)

    # ---- weights ----------------------------------------------------------------------------------------------------

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Fill layers from a file by their names; returns a report of what was loaded. `by_name` is accepted; it is always so.

        filepath: .h5 of this library, of Matterport's or of Keras' ImageNet ResNets, or .npz of a backbone. With ROI_ALIGN = "auto" the
        model then measures boxes as the heads in the file were trained to. exclude: layers to leave as they are, for instance the
        class-dependent ones of a model with other classes. A checkpoint of a training is also where training goes on from: its
        folder, and its count of epochs. Raises ValueError if a shape differs or nothing fits.
        """
        report = self.keras_model.load_weights(filepath, exclude=exclude or ())
        self.set_log_dir(filepath)
        return report

    def get_imagenet_weights(self):
        """Path of Keras' ImageNet weights for ResNet-50, downloaded once. `load_imagenet_weights` fits every backbone."""
        return imagenet_resnet50_weights()

    def load_imagenet_weights(self, exclude=None):
        """Fill the backbone, but for `exclude`, with ImageNet weights of its own kind; returns a report."""
        return load_imagenet(self.keras_model, self.config.BACKBONE, exclude or ())

    def find_last(self):
        """Path of the last checkpoint of the newest training of this NAME in `model_dir` that has one.

        Raises FileNotFoundError if there is none.
        """
        name = self.config.NAME.lower()
        runs = [
            p
            for p in Path(self.model_dir).glob(f"{glob.escape(name)}*")
            if re.fullmatch(re.escape(name) + r"\d{8}T\d{4}", p.name)
        ]
        for run in sorted(runs, key=lambda p: p.name, reverse=True):
            checkpoints = sorted(p for p in run.glob("mask_rcnn*.h5"))
            if checkpoints:
                return str(checkpoints[-1])
        raise FileNotFoundError(
            f"No checkpoint {name}*/mask_rcnn*.h5 in {self.model_dir}. Train first, or check model_dir and the "
            "config's NAME."
        )

    def set_log_dir(self, model_path=None):
        """Where the next training writes. model_path: a checkpoint to go on from; its epoch is read from its name.

        As with Matterport, the folder is that of the checkpoint's name inside `model_dir`, so a checkpoint may lie where nothing
        can be written.
        """
        self.epoch, started = 0, datetime.now()
        found = CHECKPOINT.fullmatch(str(Path(model_path).absolute())) if model_path else None
        if found:
            *date, self.epoch = (int(n) for n in found.groups())
            started = datetime(*date)
            if self.mode == "training":
                logging.getLogger(__name__).info("Training goes on after epoch %d.", self.epoch)
        self._name_log_dir(started, free=not found)
        self._to_claim = None if found else self.log_dir
        self._told = 0

    def _name_log_dir(self, started, free=True):
        """free: a later minute, if another training has begun in this one."""
        name = self.config.NAME.lower()
        self.log_dir = str(Path(self.model_dir) / f"{name}{started:%Y%m%dT%H%M}")
        while free and Path(self.log_dir).exists():
            started += timedelta(minutes=1)
            self.log_dir = str(Path(self.model_dir) / f"{name}{started:%Y%m%dT%H%M}")
        self.checkpoint_path = str(Path(self.log_dir) / f"mask_rcnn_{name}_{{epoch:04d}}.h5")

    def _claim_log_dir(self):
        """Make the folder of a training that begins; a later minute's, if another one has begun there since this model was made."""
        while self._to_claim == self.log_dir:  # and not one that the script has named itself
            try:
                Path(self.log_dir).mkdir(parents=True)
                self._to_claim = None
            except FileExistsError:
                self._name_log_dir(datetime.now())
                self._to_claim = self.log_dir

    # ---- training ---------------------------------------------------------------------------------------------------

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate,
        epochs,
        layers,
        augmentation=None,
        custom_callbacks=None,
        no_augmentation_sources=None,
    ):
        """Train up to epoch number `epochs`, counted over all calls; nothing is trained if the model is past it, so a script that
        trains in several calls can be run again after `load_weights(find_last())`: `keras_model.history` then tells of the epochs
        that the call would have trained, as history.csv has them.

        val_dataset: None trains without validation; layers: "heads", "3+", "4+", "5+", "all" or a regular expression; augmentation: of
        imgaug or Albumentations, or any callable (image, masks, rng) -> (image, masks), see `mrcnn.data.augmentation`;
        no_augmentation_sources: sources whose images are left as they are. Each epoch leaves its weights,
        mask_rcnn_<name>_<epoch>.h5, and a line of history.csv in `log_dir`.
        However it ends, `epoch` counts the whole epochs: after an interruption the next call begins with the epoch that was broken off,
        after an early stop with the one that follows. Raises FloatingPointError as soon as the loss is not finite.
        """
        check_process()
        self._follow_config()
        _check_callbacks(custom_callbacks or ())
        if epochs <= self.epoch:
            self._tell_of_what_is_trained(epochs)
            return
        config = self._config_in_force()
        # Before the folder is made: what is wrong with the data leaves none behind.
        batches = training_batches(
            train_dataset,
            config,
            augmenter=augmentation,
            unaugmented_sources=no_augmentation_sources or (),
            workers=config.WORKERS,
        )
        validation = (
            None if val_dataset is None else validation_batches(val_dataset, config, config.WORKERS)
        )
        self._claim_log_dir()
        run = self._run_folder()
        self.keras_model.settings = dataclasses.replace(
            self.keras_model.settings,
            loss_weights=dict(config.LOSS_WEIGHTS),
            train_anchors=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        )
        state = {}
        try:
            with without_retracing_warnings():
                fit_detector(
                    self.keras_model,
                    config,
                    batches,
                    [Stage(layers, layers, epochs - self.epoch, learning_rate)],
                    run,
                    validation=validation,
                    first_epoch=self.epoch,
                    callbacks=custom_callbacks or (),
                    metadata={"config": config.to_dict()},
                    state=state,
                )
        finally:
            self.epoch = self._told = state.get("epoch", self.epoch)

    def _tell_of_what_is_trained(self, epochs):
        """A call that has nothing to train leaves what one that trains does: `log_dir`, and in `history` the epochs from the last
        call's to its own."""
        logging.getLogger(__name__).warning(
            "Nothing to train: this model has %d epochs behind it, and epochs=%d counts from the start.",
            self.epoch,
            epochs,
        )
        self._claim_log_dir()
        with contextlib.suppress(OSError):  # a checkpoint may lie where nothing can be written
            Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        rows = [
            row
            for row in RunFolder(self.log_dir).read_history()
            if self._told < row.get("epoch", 0) <= epochs
        ]
        names = dict.fromkeys(
            name for row in rows for name in row if name not in ("epoch", "stage")
        )
        history = keras.callbacks.History()
        history.epoch = [row["epoch"] - 1 for row in rows]
        history.history = {
            name: [row[name] for row in rows if name in row] for name in names or self._losses()
        }
        self.keras_model.history, self._told = history, max(self._told, epochs)

    def _losses(self):
        names = ["loss", *(name for name in self.keras_model.loss_trackers if name != LAYER_LOSS)]
        return [*names, *(f"val_{name}" for name in names)]

    def _follow_config(self):
        """Settings that were changed since the model was built take effect now."""
        watched = self._live_settings
        watched.detector, watched.config = (
            self.keras_model,
            self.config,
        )  # scripts put others in their place
        if (
            watched.follow()
            or self._predictor is not None
            and self._predictor.config is not self.config
        ):
            self._predictor = None

    def _run_folder(self):
        """The folder of this training; weights go where `checkpoint_path` says, which a script may have set."""
        path = Path(self.checkpoint_path)
        run = RunFolder(
            self.log_dir,
            epoch_weights=path.name if path.parent == Path(self.log_dir) else str(path.absolute()),
        )
        try:
            run.weights_of(1)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"checkpoint_path may hold {{epoch}}, or {{epoch:04d}}, and no other field. Got "
                f"{self.checkpoint_path!r}."
            ) from error
        return run

    def _config_in_force(self):
        """The config, with ROI_ALIGN as the loaded weights want it; the config itself may serve other models, too."""
        config = copy.copy(self.config)
        config.ROI_ALIGN = self.keras_model.convention.name
        return config

    def compile(self, learning_rate, momentum=None):
        """Give the Keras model its optimiser; `train` does that by itself. momentum: None takes the config's LEARNING_MOMENTUM."""
        with devices_of(self.keras_model):
            optimizer = make_optimizer(
                self.config, learning_rate, int(self.config.STEPS_PER_EPOCH or 1)
            )
            if momentum is not None and hasattr(optimizer, "momentum"):  # which AdamW has not
                optimizer.momentum = momentum
            self.keras_model.compile(optimizer, jit_compile=use_xla(self.config))

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Let the layers that `layer_regex` names learn and freeze the others; returns their names."""
        return set_trainable(keras_model or self.keras_model, self.config, layer_regex)

    def get_trainable_layers(self):
        """The layers that have weights, whether they are frozen or not."""
        return list(weight_layers(self.keras_model).values())

    def find_trainable_layer(self, layer):
        """The layer itself: nothing is wrapped here."""
        return layer

    # ---- inference --------------------------------------------------------------------------------------------------

    def detect(self, images, verbose=0):
        """Find objects in any number of photos: list of (h, w, 3) uint8 RGB -> list of dicts, one a photo.

        "rois" (N, 4) int32 yxyx, "class_ids" (N,) int32, "scores" (N,) float32, "masks" (h, w, N) bool, all of the photo's pixels,
        and the fields of extra heads. Arrays that were photos once are taken, too, with a warning: see `mrcnn.legacy.images`.
        """
        self._follow_config()
        photos = self._photos(images)
        results = [
            self._of_enough_confidence(result) for result in self._predictor_of_this_model()(photos)
        ]
        for image, result in zip(photos, results, strict=True):
            result["masks"] = full_masks(result)
            if verbose:
                log("image", image)
        return results

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Find objects in images that are network input already, (N, H, W, 3) float32 from `mold_inputs`; results as of `detect`,
        in pixels of that input."""
        self._follow_config()
        found, results = self._predictor_of_this_model().detect_molded, []
        for image, meta in zip(
            np.asarray(molded_images, np.float32), np.asarray(image_metas), strict=True
        ):
            placement = Placement(image.shape[:2], image.shape[:2], (0, 0), image.shape[:2])
            window = parse_image_meta(meta[None])["window"].astype(np.float32)
            rows = {k: v[0] for k, v in found(image[None], window).items()}
            # The input is its own original here, so no convention moves its boxes.
            result = postprocess(rows, placement) | {"convention": self.keras_model.convention.name}
            result = self._of_enough_confidence(result)
            results.append(result | {"masks": full_masks(result)})
        return results

    def mold_inputs(self, images):
        """Photos -> network input (N, H, W, 3) float32, image metas (N, 12 + K) and windows (N, 4) yxyx, pixels of that input."""
        config = self._config_in_force()
        images = self._photos(images)
        molded = [preprocess(image, config) for image in images]
        every_class = np.zeros(self.config.NUM_CLASSES, np.int32)
        metas = [
            compose_image_meta(0, photo.shape, image.shape, place.window, place.scale, every_class)
            for photo, (image, place) in zip(images, molded, strict=True)
        ]
        return (
            np.stack([image for image, _ in molded]),
            np.stack(metas),
            np.stack([place.window for _, place in molded]),
        )

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Matterport's raw detections of one image -> boxes (N, 4) int32 yxyx, class_ids, scores, masks (H, W, N) on the photo.

        detections: (D, 6) of y1, x1, y2, x2 (0..1 of the network input), class id, score; the first row of class 0 ends them.
        mrcnn_mask: (D, h, w, K); image_shape: of the network input; window: (4,) yxyx, where the photo lies in it, pixels.
        """
        rows = np.flatnonzero(detections[:, 4] == 0)
        detections = detections[: rows[0]] if len(rows) else detections
        top, left, bottom, right = (int(n) for n in window)
        placement = Placement(
            tuple(original_image_shape[:2]),
            (bottom - top, right - left),
            (top, left),
            tuple(image_shape[:2]),
        )
        boxes = (
            placement.boxes_to_original(from_unit(detections[:, :4], image_shape[:2]), CORNERS)
            .round()
            .astype(np.int32)
        )
        kept = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
        boxes, class_ids, scores = (
            boxes[kept],
            detections[kept, 4].astype(np.int32),
            detections[kept, 5],
        )
        probabilities = mrcnn_mask[: len(kept)][kept][np.arange(len(boxes)), :, :, class_ids]
        result = {
            "rois": boxes,
            "mask_probabilities": probabilities,
            "image_hw": tuple(original_image_shape[:2]),
        }
        return boxes, class_ids, scores, full_masks(result, convention=CORNERS)

    def get_anchors(self, image_shape):
        """The anchors of an input of `image_shape`: (A, 4) float32 yxyx, in Matterport's 0..1; `anchors` has them in pixels."""
        self.anchors = np.asarray(self.keras_model.anchors(tuple(int(n) for n in image_shape[:2])))
        return to_unit(self.anchors, image_shape[:2]).astype(np.float32)

    def trace(self, images):
        """Every tensor that detection makes of photos of one size, by its name: see `Detector.trace`; NumPy arrays."""
        check_process()
        self._follow_config()
        molded, _, windows = self.mold_inputs(images)
        return keras.tree.map_structure(
            np.asarray, self.keras_model.trace(molded, windows.astype(np.float32))
        )

    def run_graph(self, images, outputs, image_metas=None):
        raise NotImplementedError(
            "run_graph ran parts of a TF1 graph. Call model.trace(images): it returns every tensor of the graph by "
            "name, rpn_class and mrcnn_bbox for instance."
        )

    def ancestor(self, tensor, name, checked=None):
        raise NotImplementedError(
            "ancestor looked for a tensor in a TF1 graph. Call model.trace(images): it returns them by name."
        )

    def _of_enough_confidence(self, result):
        """The result without detections below DETECTION_MIN_CONFIDENCE, which may be higher than when the model was compiled."""
        sure = result["scores"] >= (self.config.DETECTION_MIN_CONFIDENCE or 0)
        if sure.all():
            return result
        return {
            name: rows if name in ("image_hw", "convention") else rows[sure]
            for name, rows in result.items()
        }

    def _photos(self, images):
        """Photos as `as_photos` makes them, with one warning for each kind of array that is none."""
        photos, assumed = as_photos(images, self.config)
        for assumption, place in assumed.items():
            if assumption not in self._warned:
                logging.getLogger(__name__).warning("Photo %d holds %s.", place, assumption)
        self._warned.update(assumed)
        return photos

    def _predictor_of_this_model(self):
        model = self.keras_model
        if self._predictor is None or self._predictor.detector is not model:
            self._predictor = Predictor(model, self.config, xla=use_xla(self.config))
        return self._predictor


def _check_callbacks(callbacks):
    """Raises ValueError for a callback that would stop the training after its first epoch."""
    for callback in callbacks:
        path = str(getattr(callback, "filepath", ""))
        if (
            isinstance(callback, keras.callbacks.ModelCheckpoint)
            and not callback.save_weights_only
            and not path.endswith(".h5")
        ):
            stem = path.removesuffix(Path(path).suffix)
            raise ValueError(
                f'ModelCheckpoint("{path}") would save the whole model, and a model is saved as its weights here, in a .h5 '
                f'file. Use ModelCheckpoint("{stem}.weights.h5", save_weights_only=True); log_dir has the weights of every '
                "epoch anyway."
            )
