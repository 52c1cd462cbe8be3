"""LiveSettings: settings that are changed after a model was built take effect, or are refused."""

import dataclasses

from mrcnn.config import Config
from mrcnn.modeling.build import settings_of

# What the layers were made by: another value needs another network.
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
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "MASK_SHAPE",
    "MASK_CHANNELS",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "ROI_ALIGN",
    "GPU_COUNT",
)
# What BATCH_SIZE and IMAGE_SHAPE follow from.
SOURCES = ("IMAGES_PER_GPU", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_RESIZE_MODE")
DERIVED = ("BATCH_SIZE", "IMAGE_SHAPE")
# Settings of a compiled step that are no fields of `DetectorSettings`.
COMPILED = ("JIT_COMPILE", "MASK_BUCKETS")
# Fields of `DetectorSettings` that no step of a prediction reads.
OF_TRAINING = {"loss_weights", "train_anchors", "train_rois", "positive_rois", "post_nms_training"}
# Detections below the confidence are left out afterwards, so a higher one needs no other step.
AFTERWARDS = "min_confidence"


class LiveSettings:
    """Watches the config of a detector that is built.

    Attributes:
        detector: Whose `settings` are kept up to date.
        config: The config it was built from, which anybody may change.
    """

    def __init__(self, detector, config):
        self.detector, self.config = detector, config
        self._known, self._settings = _values(config), settings_of(config)

    def follow(self) -> bool:
        """Makes the detector work by the config as it is now.

        Returns:
            Whether compiled steps of predictions have to be made anew; a training makes its own.

        Raises:
            ValueError: A setting was changed that the network was built by, or to a value that
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
                    "model was built, which it is "
                    "built by. Make a new MaskRCNN from the config, or set it back."
                )
        self.config.validate()
        if changed & set(SOURCES):
            self.config.derive()
        settings = settings_of(self.config)
        fields = {
            field.name: getattr(settings, field.name)
            for field in dataclasses.fields(settings)
            if getattr(settings, field.name) != getattr(self._settings, field.name)
        }
        least = fields.get(AFTERWARDS)
        if least is not None and least >= self.detector.settings.min_confidence:
            del fields[AFTERWARDS]
        self.detector.settings = dataclasses.replace(self.detector.settings, **fields)
        self._known, self._settings = _values(self.config), settings
        return bool(fields.keys() - OF_TRAINING) or bool(changed & set(COMPILED))


def _values(config):
    """{name: value} of the library's settings, copies as `Config.to_dict` writes them."""
    written = config.to_dict()
    return {name: written[name] for name in (*vars(Config), *DERIVED) if name in written}
