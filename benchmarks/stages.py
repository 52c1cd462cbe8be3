"""Where the time of a training step or a prediction goes, stage by stage.

    python benchmarks/stages.py                            # a ResNet-50 step at 512 x 512, batch 2
    python benchmarks/stages.py --case ccp --what predict  # a prediction of another network
    TF_ENABLE_ONEDNN_OPTS=0 python benchmarks/stages.py    # without oneDNN (1: with it)

Profiles one step with TensorFlow's profiler and prints, for each stage of the network, the seconds
of its operations (forward, backward) with its multiply-adds, then the most expensive operations.
Operations that run at the same time count each: the seconds add up to more than the wall time.
"""

if not __package__:  # run as a script: the repository belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import collections
import dataclasses
import glob
import os
import re
import tempfile
import time

from benchmarks.cases import CASES
from benchmarks.roof import cpu
from mrcnn.process import prefer_fast_kernels

STAGES = (
    "backbone",
    "fpn",
    "rpn",
    "box_head",
    "mask_head",
    "attribute_head",
    "optimizer",
    "regions",
)
TITLES = {"regions": "RoIAlign, proposals, sampling, losses"}
MACS = {"box_head": "box", "mask_head": "mask", "attribute_head": "attributes"}


def main(argv=None):
    """Profile as the arguments say and print the tables."""
    args = parse(argv)
    prefer_fast_kernels()
    seconds, wall, macs = profile(args.case, args.what, args.batch)
    print(f"{args.what}, {args.case}, batch {args.batch}: {wall:.2f} s; {cpu()}\n")
    print(stage_table(seconds, macs))
    print("\nmost expensive operations\n")
    for name, value in seconds.most_common(args.top):
        print(f"{value:8.3f} s  {name}")


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="benchmarks/stages.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cases = sorted(name for name, case in CASES.items() if not case.peer)
    parser.add_argument(
        "--case",
        choices=cases,
        default="r50-512-same-work",
        help="network to profile (default: %(default)s)",
    )
    parser.add_argument(
        "--what", choices=("train", "predict"), default="train", help="default: %(default)s"
    )
    parser.add_argument("--batch", type=int, default=2, help="images a step (default: %(default)s)")
    parser.add_argument(
        "--top", type=int, default=20, help="operations to list (default: %(default)s)"
    )
    return parser.parse_args(argv)


def profile(case: str, what: str, batch: int) -> tuple:
    """Profiles one step of a case.

    Args:
        case: A name in `benchmarks.cases.CASES`.
        what: "train" or "predict".
        batch: Images of the step.

    Returns:
        seconds: `collections.Counter` of each operation, "name:kind".
        wall: Seconds of an unprofiled step, the median of three.
        macs: Multiply-adds of the batch's forward pass by stage.
    """
    import tensorflow as tf

    step, macs = _step_of(case, what, batch)
    walls = []
    for index in range(5):
        start = time.perf_counter()
        step()
        if index >= 2:  # the first two trace and warm up
            walls.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        step()
        tf.profiler.experimental.stop()
        return _operations(folder), sorted(walls)[1], macs


def stage_table(seconds, macs) -> str:
    """A Markdown table: seconds of each stage's forward and backward pass, and their shares."""
    passes = {name: [0.0, 0.0] for name in STAGES}
    for name, value in seconds.items():
        stage, backward = stage_of(name)
        passes[stage][backward] += value
    total = sum(seconds.values())
    lines = [
        "| stage | GMAC forward | forward s | backward s | share of all |",
        "|---|---|---|---|---|",
    ]
    for stage, (forward, backward) in passes.items():
        if forward + backward == 0:
            continue
        count = macs.get(MACS.get(stage, stage))
        giga = "–" if count is None else f"{count / 1e9:.1f}"
        lines.append(
            f"| {TITLES.get(stage, stage)} | {giga} | {forward:.3f} | {backward:.3f} | "
            f"{(forward + backward) / total:.1%} |"
        )
    return "\n".join(lines)


def stage_of(operation: str) -> tuple[str, bool]:
    """(stage, whether it belongs to the backward pass) of a profiled operation's name."""
    backward = operation.startswith("gradient_tape/")
    path = operation.removeprefix("gradient_tape/").split("/")
    if re.match(r"(adam|sgd)", path[0], re.IGNORECASE):
        return "optimizer", True
    part = next((p for p in path if re.match(r"(resne|efficientnet|plain)", p)), None)
    if part:
        return "backbone", backward
    for stage in ("fpn", "rpn", "box_head", "mask_head", "attribute_head"):
        if any(p == stage or p.startswith(f"{stage}_") for p in path[:-1]):
            return stage, backward
    return "regions", backward


def _step_of(name, what, batch):
    import keras

    from benchmarks.multiply_adds import inference_macs, training_macs
    from benchmarks.network import made_up_batch, positives_of
    from fashion.attributes.build import head_of
    from mrcnn.inference.predict import Predictor
    from mrcnn.modeling.build import build_detector
    from mrcnn.training.optimizers import make_optimizer
    from mrcnn.training.trainable_layers import set_trainable

    config = dataclasses.replace(CASES[name], batch=batch).config("float32")
    keras.utils.set_random_seed(0)
    heads = (
        [lambda: head_of(config, config.NUM_ATTRIBUTES, config.NUM_CLASSES)]
        if config.NUM_ATTRIBUTES
        else []
    )
    detector, inputs = build_detector(config, heads), made_up_batch(config)
    if what == "train":
        set_trainable(detector, config, "all")
        detector.compile(make_optimizer(config, 1e-6, 1000), jit_compile=False)
        detector.optimizer.build(detector.trainable_variables)
        macs = training_macs(
            config, detector.backbone, config.NUM_ATTRIBUTES, positives_of(detector, inputs)
        )
        step = lambda: detector.train_on_batch(inputs)  # noqa: E731
    else:
        predictor = Predictor(detector, config, xla=False, eager_photos=0)
        macs = inference_macs(
            config,
            detector.backbone,
            described=config.DETECTION_MAX_INSTANCES,
            num_attributes=config.NUM_ATTRIBUTES,
        )
        step = lambda: predictor.detect_molded(inputs["images"], inputs["windows"])  # noqa: E731
    return step, {stage: batch * count for stage, count in macs.items()}


def _operations(folder):
    """Seconds by "name:kind" from the newest profile in `folder`."""
    try:
        from tensorflow.tsl.profiler.protobuf import xplane_pb2
    except ImportError:
        from tsl.profiler.protobuf import xplane_pb2
    space = xplane_pb2.XSpace()
    newest = max(glob.glob(folder + "/**/*.xplane.pb", recursive=True), key=os.path.getmtime)
    with open(newest, "rb") as file:
        space.ParseFromString(file.read())
    seconds = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if name.count(":") == 1 and not name.startswith("Eager"):
                    seconds[name] += event.duration_ps / 1e12
    return seconds


if __name__ == "__main__":
    main()
