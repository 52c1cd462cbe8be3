"""LiveSettings: settings that are changed after a model was built take effect, or are refused."""

from typing import Any

from mrcnn.config import Config
from mrcnn.modeling.build import settings_of
from mrcnn.modeling.detector import Detector

# Settings that layers were made with: another value needs another network.
BUILT_IN = (
    "BACKBONE",
    "BACKBONE_STRIDES",
    "TOP_DOWN_PYRAMID_SIZE",
    "NECK",
    "NECK_GATE",
    "TRAIN_BN",
    "MIXED_PRECISION",
    "IMAGE_CHANNEL_COUNT",
    "NUM_CLASSES",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE",
    "RPN_CHANNELS",
    "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV",
    "CASCADE_STAGES",
    "CASCADE_STD_DIVISORS",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "MASK_SHAPE",
    "MASK_CHANNELS",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "ROI_ALIGN",
    "CLASS_LABEL_SMOOTHING",
    "BOX_LOSS",
    "SEESAW_LOSS",
    "CLASS_COUNTS",
    "MASK_DICE",
    "GPU_COUNT",
)
# Settings that BATCH_SIZE and IMAGE_SHAPE are derived from.
SOURCES = ("IMAGES_PER_GPU", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_RESIZE_MODE")
DERIVED = ("BATCH_SIZE", "IMAGE_SHAPE")
# Settings of a compiled step that are not fields of `DetectorSettings`.
COMPILED = ("JIT_COMPILE", "MASK_BUCKETS")
# Values of `DetectorSettings` that no step of a prediction reads.
OF_TRAINING = {
    "loss_weights",
    "rpn.num_samples",
    "rpn.post_nms_training",
    "roi_sampling.num_samples",
    "roi_sampling.max_positives",
    "roi_sampling.cascade_ious",
}
# Detections below the confidence are dropped afterwards, so a higher one needs no other step.
AFTERWARDS = "detections.min_confidence"


class LiveSettings:
    """Watches the config of a detector that is built.

    Args:
        detector: Whose `settings` are kept up to date.
        config: The config it was built from, which anybody may change.
    """

    def __init__(self, detector: Detector, config: Config) -> None:
        self.detector, self.config = detector, config
        self._known, self._settings = _values(config), settings_of(config).values()

    def follow(self) -> bool:
        """Brings the detector's settings up to date with the config.

        Returns:
            Whether compiled steps of predictions have to be made again; a training makes its own.

        Raises:
            ValueError: A setting was changed that the network was built with, or to a value that
                cannot work.
        """
        now = _values(self.config)
        changed = {name for name in now if now[name] != self._known.get(name)}
        if not changed:
            return False
        for name in BUILT_IN:
            if name in changed:
                raise ValueError(
                    f"{name} was changed from {self._known[name]!r} to {now[name]!r} after the "
                    "model was built, which it is built by. Make a new MaskRCNN from the config, "
                    "or set it back."
                )
        self.config.validate()
        if changed & set(SOURCES):
            self.config.derive()
        settings = settings_of(self.config).values()
        values = {n: value for n, value in settings.items() if value != self._settings[n]}
        least = values.get(AFTERWARDS)
        if least is not None and least >= self.detector.settings.detections.min_confidence:
            del values[AFTERWARDS]
        self.detector.settings = self.detector.settings.replace(values)
        self._known, self._settings = _values(self.config), settings
        return bool(values.keys() - OF_TRAINING) or bool(changed & set(COMPILED))


def _values(config) -> dict[str, Any]:
    """The library's settings by name, copied as `Config.to_dict` writes them."""
    written = config.to_dict()
    return {name: written[name] for name in (*vars(Config), *DERIVED) if name in written}
