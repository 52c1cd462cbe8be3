"""Speed of our network: images a second in training and prediction, and shares of the roof."""

import time

import keras
import numpy as np
from keras import ops

from benchmarks.multiply_adds import inference_macs, step_macs, training_macs
from benchmarks.roof import FLOP
from fashion.attributes.build import head_of
from mrcnn.inference.compiled import compiled
from mrcnn.inference.predict import Predictor
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.devices import use_xla
from mrcnn.ops.matching import POSITIVE
from mrcnn.ops.nms import non_max_suppression
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.trainable_layers import set_trainable

OBJECTS = 8  # in each made-up photo
# Detections of an image with few garments: the smallest size that the mask head is compiled for.
FEW = 8


def measure(config, *, steps, xla=None, train=True, parts=False):
    """Builds the network of `config` with random weights and times it.

    `steps` repetitions are timed, after as many that are not. `xla` None leaves it to the library.
    `parts` times suppression, RoIAlign and a step that trains the heads alone, too. Returns a flat
    dict of numbers, images a second unless the name says otherwise.
    """
    xla = use_xla(config) if xla is None else xla
    keras.utils.set_random_seed(0)
    heads = (
        [lambda: head_of(config, config.NUM_ATTRIBUTES, config.NUM_CLASSES)]
        if config.NUM_ATTRIBUTES
        else []
    )
    detector = build_detector(config, heads)
    batch = made_up_batch(config)
    forward = training_macs(
        config,
        detector.backbone,
        config.NUM_ATTRIBUTES,
        None if xla else positives_of(detector, batch),
    )
    found = {"macs_train": sum(forward.values()), "macs_step": step_macs(forward)}
    for name, described in (
        ("macs_predict_few", FEW),
        ("macs_predict_all", config.DETECTION_MAX_INSTANCES),
    ):
        found[name] = sum(
            inference_macs(
                config, detector.backbone, described=described, num_attributes=config.NUM_ATTRIBUTES
            ).values()
        )
    found |= time_prediction(detector, config, batch, steps, xla)
    if parts:
        found |= time_parts(detector, config, batch, steps, xla)
        found["train_heads"] = time_training(detector, config, batch, steps, xla, "heads")
    if train:
        found["train"] = time_training(detector, config, batch, steps, xla, "all")
    found["peak_bytes"] = peak_memory()
    if accelerator():
        found["roof_flops"] = matrix_product_flops(config.MIXED_PRECISION)
    return found


def positives_of(detector, batch):
    """RoIs of an image that masks are trained at in a plain graph: the most of any image."""
    samples = detector(batch, training=True)["samples"]
    return int(np.equal(samples["label"], POSITIVE).sum(axis=1).max())


def time_prediction(detector, config, batch, steps, xla):
    """Images a second of a whole prediction, and of the network as one program, padded.

    "few": no object is found, so the heads run on the smallest bucket. "all":
    DETECTION_MAX_INSTANCES are found.
    """
    predictor = Predictor(detector, config, xla=xla, eager_photos=0)
    images, everywhere = batch["images"], batch["windows"]
    nowhere = np.zeros_like(everywhere)  # boxes clipped to nothing are not detections
    whole = compiled(
        lambda i, w: detector(
            {"images": ops.convert_to_tensor(i), "windows": ops.convert_to_tensor(w)}
        ),
        detector,
        xla=xla,
    )
    rate = config.BATCH_SIZE
    return {
        "predict_few": rate / seconds(lambda: predictor.detect_molded(images, nowhere), steps),
        "predict_all": rate / seconds(lambda: predictor.detect_molded(images, everywhere), steps),
        "forward": rate / seconds(lambda: whole(images, everywhere), steps),
    }


def time_parts(detector, config, batch, steps, xla):
    """Seconds a batch of suppression among proposals and of RoIAlign for the box head."""
    rng = np.random.default_rng(0)
    count, (height, width) = config.PRE_NMS_LIMIT, config.image_hw
    centre, half = (
        rng.uniform(0, 1, (config.BATCH_SIZE, count, 2)),
        rng.uniform(0.02, 0.2, (config.BATCH_SIZE, count, 2)),
    )
    boxes = (
        np.concatenate([centre - half, centre + half], -1) * [height, width, height, width]
    ).astype(np.float32)
    scores, valid = (
        rng.uniform(0, 1, boxes.shape[:2]).astype(np.float32),
        np.ones(boxes.shape[:2], bool),
    )
    rois = boxes[:, : config.POST_NMS_ROIS_INFERENCE]
    dtype = "bfloat16" if config.MIXED_PRECISION else "float32"
    levels = [
        np.zeros(
            (config.BATCH_SIZE, height // s, width // s, config.TOP_DOWN_PYRAMID_SIZE), np.float32
        )
        for s in config.BACKBONE_STRIDES[:4]
    ]
    levels = [ops.cast(ops.convert_to_tensor(level), dtype) for level in levels]

    def suppress(boxes, scores, valid):
        return non_max_suppression(
            ops.convert_to_tensor(boxes),
            ops.convert_to_tensor(scores),
            ops.convert_to_tensor(valid),
            iou_threshold=config.RPN_NMS_THRESHOLD,
            max_outputs=config.POST_NMS_ROIS_INFERENCE,
        )

    def pool(levels, rois):
        return detector._pool(levels, ops.convert_to_tensor(rois), config.POOL_SIZE)

    suppress, pool = compiled(suppress, detector, xla=xla), compiled(pool, detector, xla=xla)
    return {
        "suppression_seconds": seconds(lambda: suppress(boxes, scores, valid), steps),
        "roi_align_seconds": seconds(lambda: pool(levels, rois), steps),
    }


def time_training(detector, config, batch, steps, xla, layers):
    """Images a second of `fit`'s steps, with everything `fit` does around them."""
    set_trainable(detector, config, layers)
    # So small a rate that random weights on a random image stay finite for the whole measurement.
    detector.compile(make_optimizer(config, 1e-6, 1000), jit_compile=xla)
    clock = EpochClock()
    detector.fit(SameBatch(batch, steps), epochs=2, verbose=0, callbacks=[clock])
    return config.BATCH_SIZE * steps / clock.seconds[-1]


def seconds(call, steps):
    """Seconds of one `call`, the mean of `steps`; as many go before, to compile and to warm up."""
    for _ in range(min(steps, 3)):
        wait(call())
    start = time.perf_counter()
    for _ in range(steps):
        wait(call())
    return (time.perf_counter() - start) / steps


def wait(result):
    """Bring one number of each tensor to the host: only then is an accelerator done."""
    for tensor in keras.tree.flatten(result):
        if not isinstance(tensor, np.ndarray):
            ops.convert_to_numpy(ops.ravel(tensor)[:1])


def made_up_batch(config):
    """A batch of noise with OBJECTS objects in each image, as `Detector` takes it to train."""
    rng = np.random.default_rng(0)
    size, (height, width), rows = config.BATCH_SIZE, config.image_hw, config.MAX_GT_INSTANCES
    corner, extent = (
        rng.uniform(0, 0.5, (size, OBJECTS, 2)),
        rng.uniform(0.1, 0.5, (size, OBJECTS, 2)),
    )
    boxes = (np.concatenate([corner, corner + extent], -1) * [height, width, height, width]).astype(
        np.float32
    )
    columns = {
        "gt_class_ids": rng.integers(1, config.NUM_CLASSES, (size, OBJECTS)).astype(np.int32),
        "gt_boxes": boxes,
        "gt_masks": np.ones((size, OBJECTS, *config.MINI_MASK_SHAPE), bool),
        "gt_mask_frames": boxes,
    }
    if config.NUM_ATTRIBUTES:
        columns["gt_attributes"] = (
            rng.uniform(size=(size, OBJECTS, config.NUM_ATTRIBUTES)) < 0.01
        ).astype(np.float32)
    padded = {
        name: np.concatenate([c, np.zeros((size, rows - OBJECTS, *c.shape[2:]), c.dtype)], axis=1)
        for name, c in columns.items()
    }
    return padded | {
        "images": rng.normal(size=(size, height, width, 3)).astype(np.float32),
        "seed": np.arange(size, dtype=np.int32),
        "windows": np.tile(np.array([0, 0, height, width], np.float32), (size, 1)),
    }


def matrix_product_flops(mixed, size=8192, repeats=16):
    """FLOP/s of a large matrix product on this accelerator, the roof of all shares.

    That of a CPU is in `benchmarks.roof`.
    """
    dtype = "bfloat16" if mixed else "float32"
    a = ops.cast(
        ops.convert_to_tensor(
            np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
        ),
        dtype,
    )

    def products(x):
        y = x
        for _ in range(repeats):
            y = ops.matmul(y, x) * ops.cast(1.0 / size, x.dtype)
        return y

    program = compiled(products, keras.Sequential(), xla=True)
    return FLOP * repeats * size**3 / seconds(lambda: program(a), 5)


def accelerator():
    """Whether Keras' backend computes on a GPU or a TPU here."""
    return any(
        "gpu" in name or "cuda" in name or "tpu" in name
        for name in map(str.lower, keras.distribution.list_devices())
    )


def peak_memory():
    """The most memory in use so far, in bytes: of the device if known, else of this process."""
    backend = keras.backend.backend()
    if accelerator() and backend == "jax":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    if accelerator() and backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class EpochClock(keras.callbacks.Callback):
    """Collects the seconds of each epoch.

    An epoch ends only when its losses are numbers, so asynchronous steps are waited for.
    """

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        assert np.isfinite(logs["loss"]), logs
        self.seconds.append(time.perf_counter() - self.start)


class SameBatch(keras.utils.PyDataset):
    """The same batch, `steps` times an epoch: the network is timed, not the loading of images."""

    def __init__(self, batch, steps):
        super().__init__()
        self.batch, self.steps = batch, steps

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        return dict(self.batch)
