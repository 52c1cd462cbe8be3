"""The front door: `MaskRCNN` with the names and arguments of Matterport's scripts.

It renames, converts and delegates. The only arithmetic here undoes Matterport's box format.
"""

import contextlib
import copy
import glob
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.data.dataset import Dataset
from mrcnn.data.placement import Placement
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
    graphs,
    identity_block,
    load_image_gt,
    log,
    mold_image,
    parse_image_meta,
    smooth_l1_loss,
    unmold_image,
)
from mrcnn.legacy.images import as_images
from mrcnn.modeling.backbones.pretrained import load_imagenet
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.detector import LAYER_LOSS, Detector
from mrcnn.modeling.devices import devices_of, use_xla
from mrcnn.modeling.live_settings import LiveSettings
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.pixel_convention import CORNERS, from_unit, to_unit
from mrcnn.process import check_process
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.training.trainable_layers import set_trainable
from mrcnn.typing import Array, PathLike, Size, Tensor
from mrcnn.weights.layer_files import LoadReport, weight_layers
from mrcnn.weights.published import imagenet_resnet50_weights

# <model_dir>/<name><YYYYmmddTHHMM>/mask_rcnn_<name>_<epoch>.h5
CHECKPOINT = re.compile(
    r".*[/\\][\w-]+(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[\w-]+?(\d{4})\.h5"
)
# A detection as `detect` returns it: "rois", "class_ids", "scores", "masks" and fields of heads.
Result = dict[str, Any]


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Makes Matterport's functions that built a TF1 graph importable; calls name a replacement."""
    if name not in graphs.REPLACEMENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(graphs, name)


class MaskRCNN:
    """Mask R-CNN with Matterport's methods.

    Args:
        mode: "training" or "inference"; kept for scripts, one model does both.
        config: All settings.
        model_dir: Where run folders go.
        extra_heads: Functions that make heads, see `build_detector`.

    Attributes:
        keras_model: The Keras model, a `Detector`.
        log_dir: Folder of the next training, made when it begins.
        epoch: Epochs that the model was trained for.
    """

    def __init__(
        self,
        mode: str,
        config: Config,
        model_dir: PathLike,
        extra_heads: Sequence[Callable[[], RoIHead]] = (),
    ) -> None:
        if mode not in ("training", "inference"):
            raise ValueError(f'mode must be "training" or "inference". Got {mode!r}.')
        if "BATCH_SIZE" in vars(config):  # and not in a subclass that leaves out super().__init__()
            config.validate()  # settings may have changed since
            config.derive()
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self._extra_heads = extra_heads
        self._predictor: Predictor | None = None
        self.anchors: Array | None = None
        self._warned: set[str] = set()  # kinds of conversions of images
        self._reported = 0  # epochs that `keras_model.history` has reported
        self.set_log_dir()
        self.keras_model = self.build(mode, config)
        self._live_settings = LiveSettings(self.keras_model, config)

    def build(self, mode: str, config: Config) -> Detector:
        """Builds the Keras model, with random weights.

        Args:
            mode: Accepted.
            config: All settings.

        Returns:
            The model.
        """
        return build_detector(config, self._extra_heads)

    # ---- weights --------------------------------------------------------------------------------

    def load_weights(
        self,
        filepath: PathLike,
        by_name: bool = False,
        exclude: str | Iterable[str] | None = None,
    ) -> LoadReport:
        """Loads layers from a file by their names.

        With ROI_ALIGN = "auto", the model then uses the pixel convention of the heads in the file.
        After a checkpoint of a training, `train` continues in its folder and at its epoch.

        Args:
            filepath: .h5 of this library, of Matterport's code or of Keras' ImageNet ResNets; .npz,
                .pth or .pkl of a backbone.
            by_name: Accepted; weights are always loaded by name.
            exclude: Layers to leave as they are, such as the class-dependent ones of a model with
                other classes.

        Returns:
            What was loaded and what was not.

        Raises:
            ValueError: A shape differs, or nothing fits.
        """
        report = self.keras_model.load_weights(filepath, exclude=exclude or ())
        self.set_log_dir(filepath)
        return report

    def get_imagenet_weights(self) -> str:
        """Downloads Keras' ImageNet weights of ResNet-50, once.

        `load_imagenet_weights` fits every backbone.

        Returns:
            Path of the file.
        """
        return imagenet_resnet50_weights()

    def load_imagenet_weights(self, exclude: str | Iterable[str] | None = None) -> LoadReport:
        """Loads ImageNet weights of its kind into the backbone.

        Args:
            exclude: Layers to leave as they are.

        Returns:
            What was loaded and what was not.
        """
        return load_imagenet(self.keras_model, self.config.BACKBONE, exclude or ())

    def find_last(self) -> str:
        """Finds the last checkpoint of the newest training of this NAME in `model_dir`.

        Returns:
            Path of the file.

        Raises:
            FileNotFoundError: No training has left a checkpoint.
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
            f"No checkpoint {name}*/mask_rcnn*.h5 in {self.model_dir}. Train first, or check "
            "model_dir and the config's NAME."
        )

    def set_log_dir(self, model_path: PathLike | None = None) -> None:
        """Sets where the next training writes.

        As in Matterport's code, the folder has the checkpoint's name but lies in `model_dir`. So a
        checkpoint may lie where nothing can be written.

        Args:
            model_path: A checkpoint to continue; its epoch is read from its name. None starts a new
                folder.
        """
        self.epoch, started = 0, datetime.now()
        found = CHECKPOINT.fullmatch(str(Path(model_path).absolute())) if model_path else None
        if found:
            year, month, day, hour, minute, self.epoch = (int(n) for n in found.groups())
            started = datetime(year, month, day, hour, minute)
            if self.mode == "training":
                logging.getLogger(__name__).info("Training continues after epoch %d.", self.epoch)
        self._name_log_dir(started, free=not found)
        self._to_claim = None if found else self.log_dir
        self._reported = 0

    def _name_log_dir(self, started: datetime, free: bool = True) -> None:
        """Names the folder; with `free`, by a later minute if another training has this one."""
        name = self.config.NAME.lower()
        self.log_dir = str(Path(self.model_dir) / f"{name}{started:%Y%m%dT%H%M}")
        while free and Path(self.log_dir).exists():
            started += timedelta(minutes=1)
            self.log_dir = str(Path(self.model_dir) / f"{name}{started:%Y%m%dT%H%M}")
        self.checkpoint_path = str(Path(self.log_dir) / f"mask_rcnn_{name}_{{epoch:04d}}.h5")

    def _claim_log_dir(self) -> None:
        """Makes the folder, under a later name if another training took this one meanwhile."""
        while self._to_claim == self.log_dir:  # a folder that the script chose is used as it is
            try:
                Path(self.log_dir).mkdir(parents=True)
                self._to_claim = None
            except FileExistsError:
                self._name_log_dir(datetime.now())
                self._to_claim = self.log_dir

    # ---- training -------------------------------------------------------------------------------

    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation: Any = None,
        custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
        no_augmentation_sources: Iterable[str] | None = None,
    ) -> None:
        """Trains up to epoch number `epochs`, counted over all calls.

        Each epoch leaves its weights, mask_rcnn_<name>_<epoch>.h5, and a line of history.csv in
        `log_dir`. However a training ends, `epoch` counts the complete epochs: the next call
        repeats an epoch that was interrupted.

        If the model is past `epochs`, nothing is trained, and `keras_model.history` holds the
        epochs of this call from history.csv. So a script that trains in several calls can be run
        again after `load_weights(find_last())`.

        Args:
            train_dataset: Images to train on.
            val_dataset: Images for validation losses; None trains without.
            learning_rate: At its highest, after warm-up.
            epochs: Number of the last epoch.
            layers: "heads", "3+", "4+", "5+", "all" or a regular expression for whole names.
            augmentation: Of imgaug or Albumentations, or any callable `(image, masks, rng) ->
                (image, masks)`, see `mrcnn.data.augmentation`.
            custom_callbacks: Of Keras.
            no_augmentation_sources: Sources of the dataset whose images are not augmented.

        Raises:
            FloatingPointError: The loss is not finite.
        """
        check_process()
        self._follow_config()
        _check_callbacks(custom_callbacks or ())
        if epochs <= self.epoch:
            self._report_earlier_epochs(epochs)
            return
        config = self._config_in_force()
        # Before the folder is made, so that an error in the data leaves none behind.
        batches = training_batches(
            train_dataset,
            config,
            augmenter=augmentation,
            unaugmented_sources=no_augmentation_sources or (),
            workers=config.WORKERS,
        )
        validation = None
        if val_dataset is not None:
            validation = validation_batches(val_dataset, config, config.WORKERS)
        self._claim_log_dir()
        run = self._run_folder()
        self._adopt_loss_settings(config)
        state: dict[str, Any] = {}
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
            self.epoch = self._reported = state.get("epoch", self.epoch)

    def _adopt_loss_settings(self, config: Config) -> None:
        """Scripts change these settings between two calls of `train`."""
        self.keras_model.settings = self.keras_model.settings.replace(
            {
                "loss_weights": dict(config.LOSS_WEIGHTS),
                "rpn.num_samples": config.RPN_TRAIN_ANCHORS_PER_IMAGE,
            }
        )

    def _report_earlier_epochs(self, epochs: int) -> None:
        """Sets `history` to the epochs after those of the last call, and makes `log_dir`."""
        logging.getLogger(__name__).warning(
            "Nothing to train: this model was trained for %d epochs, and epochs=%d counts from the "
            "start.",
            self.epoch,
            epochs,
        )
        self._claim_log_dir()
        with contextlib.suppress(OSError):  # a checkpoint may lie where nothing can be written
            Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        rows = [
            row
            for row in RunFolder(self.log_dir).read_history()
            if self._reported < row.get("epoch", 0) <= epochs
        ]
        names = dict.fromkeys(
            name for row in rows for name in row if name not in ("epoch", "stage")
        )
        history = keras.callbacks.History()
        history.epoch = [row["epoch"] - 1 for row in rows]
        history.history = {
            name: [row[name] for row in rows if name in row] for name in names or self._losses()
        }
        self.keras_model.history, self._reported = history, max(self._reported, epochs)

    def _losses(self) -> list[str]:
        names = ["loss", *(name for name in self.keras_model.loss_trackers if name != LAYER_LOSS)]
        return [*names, *(f"val_{name}" for name in names)]

    def _follow_config(self) -> None:
        """Applies settings that were changed since the model was built."""
        watched = self._live_settings
        # Scripts replace both attributes.
        watched.detector, watched.config = self.keras_model, self.config
        if (
            watched.follow()
            or self._predictor is not None
            and self._predictor.config is not self.config
        ):
            self._predictor = None

    def _run_folder(self) -> RunFolder:
        """The run folder, with weights at `checkpoint_path`, which a script may have set."""
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

    def _config_in_force(self) -> Config:
        """A copy of the config with ROI_ALIGN of the loaded weights; other models may share it."""
        config = copy.copy(self.config)
        config.ROI_ALIGN = self.keras_model.convention.name
        return config

    def compile(self, learning_rate: float, momentum: float | None = None) -> None:
        """Gives the Keras model its optimiser; `train` does that by itself.

        Args:
            learning_rate: At its highest, after warm-up.
            momentum: Of SGD; None for LEARNING_MOMENTUM.
        """
        with devices_of(self.keras_model):
            optimizer = make_optimizer(
                self.config, learning_rate, int(self.config.STEPS_PER_EPOCH or 1)
            )
            if momentum is not None and hasattr(optimizer, "momentum"):  # not AdamW
                optimizer.momentum = momentum
            self.keras_model.compile(optimizer, jit_compile=use_xla(self.config))

    def set_trainable(
        self,
        layer_regex: str,
        keras_model: Detector | None = None,
        indent: int = 0,
        verbose: int = 1,
    ) -> list[str]:
        """Makes layers trainable and freezes the others.

        Args:
            layer_regex: "heads", "3+", "4+", "5+", "all" or a regular expression for whole names.
            keras_model: By default that of this object.
            indent: Accepted.
            verbose: Accepted.

        Returns:
            Names of the trainable layers.
        """
        return set_trainable(keras_model or self.keras_model, self.config, layer_regex)

    def get_trainable_layers(self) -> list[keras.layers.Layer]:
        """Lists the layers that have weights, frozen or not.

        Returns:
            The layers.
        """
        return list(weight_layers(self.keras_model).values())

    def find_trainable_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """Returns the layer: none is wrapped here.

        Args:
            layer: Any layer.

        Returns:
            The same layer.
        """
        return layer

    # ---- inference ------------------------------------------------------------------------------

    def detect(self, images: Sequence[Array], verbose: int = 0) -> list[Result]:
        """Detects objects in images of any sizes.

        Args:
            images: Each `(h, w, 3)` uint8 RGB. Other arrays are converted, with a warning, if it is
                clear what they are, see `mrcnn.legacy.images`.
            verbose: 1 prints the shape of every image.

        Returns:
            A dict for each image, in its pixels: "rois" `(N, 4)` int32 yxyx; "class_ids" `(N,)`
            int32; "scores" `(N,)` float32; "masks" `(h, w, N)` bool; and the fields of extra heads.
        """
        self._follow_config()
        images = self._images(images)
        results = [
            self._of_enough_confidence(result) for result in self._predictor_of_this_model()(images)
        ]
        for image, result in zip(images, results, strict=True):
            result["masks"] = full_masks(result)
            if verbose:
                log("image", image)
        return results

    def detect_molded(
        self, molded_images: Array, image_metas: Array, verbose: int = 0
    ) -> list[Result]:
        """Detects objects in images that are network input already.

        Args:
            molded_images: `(N, H, W, 3)` float32, from `mold_inputs`.
            image_metas: `(N, 12 + K)`, from `mold_inputs`.
            verbose: Accepted.

        Returns:
            As `detect`, in pixels of the network input.
        """
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

    def mold_inputs(self, images: Sequence[Array]) -> tuple[Array, Array, Array]:
        """Makes network input from images.

        Args:
            images: As for `detect`; after resizing they must be of one size.

        Returns:
            molded_images: `(N, H, W, 3)` float32, normalised.
            image_metas: `(N, 12 + K)`, see `compose_image_meta`.
            windows: `(N, 4)` yxyx, where each image lies in the input, pixels.
        """
        config = self._config_in_force()
        images = self._images(images)
        molded = [preprocess(image, config) for image in images]
        every_class = np.zeros(self.config.NUM_CLASSES, np.int32)
        metas = [
            compose_image_meta(
                0, original.shape, image.shape, place.window, place.scale, every_class
            )
            for original, (image, place) in zip(images, molded, strict=True)
        ]
        return (
            np.stack([image for image, _ in molded]),
            np.stack(metas),
            np.stack([place.window for _, place in molded]),
        )

    def unmold_detections(
        self,
        detections: Array,
        mrcnn_mask: Array,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: Sequence[int],
    ) -> tuple[Array, Array, Array, Array]:
        """Converts Matterport's raw detections of one image to pixels of that image.

        Args:
            detections: `(D, 6)`: y1, x1, y2, x2 in 0..1 of the network input, class id, score. The
                first row of class 0 ends them.
            mrcnn_mask: `(D, h, w, K)` probabilities.
            original_image_shape: (height, width, channels) of the image.
            image_shape: (height, width, channels) of the network input.
            window: `(4,)` yxyx, where the image lies in the input, pixels.

        Returns:
            boxes: `(N, 4)` int32 yxyx.
            class_ids: `(N,)` int32.
            scores: `(N,)` float32.
            masks: `(H, W, N)` bool.
        """
        rows = np.flatnonzero(detections[:, 4] == 0)
        detections = detections[: rows[0]] if len(rows) else detections
        top, left, bottom, right = (int(n) for n in window)
        original_hw, input_hw = _size(original_image_shape), _size(image_shape)
        placement = Placement(original_hw, (bottom - top, right - left), (top, left), input_hw)
        boxes = placement.boxes_to_original(from_unit(detections[:, :4], input_hw), CORNERS)
        boxes = boxes.round().astype(np.int32)
        kept: Array = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
        boxes, class_ids, scores = (
            boxes[kept],
            detections[kept, 4].astype(np.int32),
            detections[kept, 5],
        )
        probabilities = mrcnn_mask[: len(kept)][kept][np.arange(len(boxes)), :, :, class_ids]
        result = {
            "rois": boxes,
            "mask_probabilities": probabilities,
            "image_hw": original_hw,
        }
        return boxes, class_ids, scores, full_masks(result, convention=CORNERS)

    def get_anchors(self, image_shape: Sequence[int]) -> Array:
        """Makes the anchors of a network input.

        Args:
            image_shape: (height, width, ...) of the input.

        Returns:
            `(A, 4)` float32 yxyx, in Matterport's 0..1. The attribute `anchors` then holds them in
            pixels.
        """
        input_hw = _size(image_shape)
        self.anchors = np.asarray(self.keras_model.anchors(input_hw))
        return to_unit(self.anchors, input_hw).astype(np.float32)

    def trace(self, images: Sequence[Array]) -> dict[str, Any]:
        """Computes every named tensor of a detection.

        Args:
            images: As for `mold_inputs`.

        Returns:
            Arrays by the names of `Detector.trace`.
        """
        check_process()
        self._follow_config()
        molded, _, windows = self.mold_inputs(images)
        return keras.tree.map_structure(
            np.asarray, self.keras_model.trace(molded, windows.astype(np.float32))
        )

    def run_graph(self, images: object, outputs: object, image_metas: object = None) -> NoReturn:
        """Removed; raises NotImplementedError with the replacement.

        Args:
            images: Accepted.
            outputs: Accepted.
            image_metas: Accepted.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "run_graph ran parts of a TF1 graph. Call model.trace(images): it returns every tensor "
            "by name, rpn_class and mrcnn_bbox for instance."
        )

    def ancestor(self, tensor: Tensor, name: str, checked: object = None) -> NoReturn:
        """Removed; raises NotImplementedError with the replacement.

        Args:
            tensor: Accepted.
            name: Accepted.
            checked: Accepted.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "ancestor looked for a tensor in a TF1 graph. Call model.trace(images): it returns "
            "tensors by name."
        )

    def _of_enough_confidence(self, result: Result) -> Result:
        """Applies DETECTION_MIN_CONFIDENCE, which may have risen since the model was compiled."""
        confident = result["scores"] >= (self.config.DETECTION_MIN_CONFIDENCE or 0)
        if confident.all():
            return result
        return {
            name: rows if name in ("image_hw", "convention") else rows[confident]
            for name, rows in result.items()
        }

    def _images(self, images: Sequence[Array]) -> list[Array]:
        """Converts to uint8 images, with one warning for each kind of conversion."""
        converted, assumed = as_images(images, self.config)
        for assumption, place in assumed.items():
            if assumption not in self._warned:
                logging.getLogger(__name__).warning("Photo %d holds %s.", place, assumption)
        self._warned.update(assumed)
        return converted

    def _predictor_of_this_model(self) -> Predictor:
        model = self.keras_model
        if self._predictor is None or self._predictor.detector is not model:
            self._predictor = Predictor(model, self.config, xla=use_xla(self.config))
        return self._predictor


def _size(shape: Sequence[int]) -> Size:
    """(height, width) of (height, width, ...)."""
    return int(shape[0]), int(shape[1])


def _check_callbacks(callbacks: Iterable[keras.callbacks.Callback]) -> None:
    """Raises ValueError for a callback that would end the training after its first epoch."""
    for callback in callbacks:
        path = str(getattr(callback, "filepath", ""))
        if (
            isinstance(callback, keras.callbacks.ModelCheckpoint)
            and not callback.save_weights_only
            and not path.endswith(".h5")
        ):
            stem = path.removesuffix(Path(path).suffix)
            raise ValueError(
                f'ModelCheckpoint("{path}") would save the whole model, but training saves weights '
                f'only, in a .h5 file. Use ModelCheckpoint("{stem}.weights.h5", '
                "save_weights_only=True). log_dir has the weights of every epoch anyway."
            )
