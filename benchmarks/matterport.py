"""What Matterport's work costs here.

    python benchmarks/matterport.py [--weights mask_rcnn_coco.h5] [--repeats 9]

Runs, each in its own process, the work whose cost with Matterport's code on TensorFlow 2.21 is on
record below: ResNet-50, 81 classes, 512 x 512, default settings, float32. Prints wall seconds and
CPU seconds (user and system, of the process) of the median call after warm-up, peak memory, the
record, and the share of the time that the multiply-adds alone would take at the speed of this
machine's fastest matrix product.
--weights: a file in Matterport's layout, loaded by name; without it the weights are random.
Machines differ: the record was made on two Xeon vCPUs at 2.5 GHz, so compare CPU seconds, and
name the machine.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import roof as roofs
from mrcnn.process import prefer_fast_kernels

ROOT = Path(__file__).parents[1]
RESULT = "measured: "  # starts the line on which a job's process hands over its numbers
SIDE, CLASSES = 512, 81
# job: wall seconds, CPU seconds, peak GB of Matterport's code
RECORD = {
    "detect, up to 100 found": (2.40, 4.06, 1.61),
    "detect, 16 found": (2.40, 4.06, 1.61),
    "training step, all, 1 image": (7.39, 14.5, 3.62),
    "training step, heads, 1 image": (6.05, 11.6, 3.11),
    "training step, all, 2 images": (12.6, 24.6, 5.07),
    "import to first training step": (103.2, None, None),
}


def main(argv=None):
    """Measure every job and print the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/matterport.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", help="a .h5 file in Matterport's layout")
    parser.add_argument(
        "--repeats", type=int, default=9, help="timed calls of each job (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs", nargs="+", choices=list(RECORD), default=list(RECORD), help="default: all"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(RESULT + json.dumps(measure(args.measure, args.weights, args.repeats)))
        return
    roof = max(roofs.matrix_product_flops().values())
    print(f"{roofs.cpu()}; matrix products reach {roof / 1e9:.0f} GFLOP/s\n")
    print(
        "| work | wall s | CPU s | peak GB | record: wall, CPU, GB | CPU: record / here "
        "| of the time: multiply-adds |"
    )
    print("|---|---|---|---|---|---|---|")
    for job in args.jobs:
        command = [sys.executable, __file__, "--measure", job, "--repeats", str(args.repeats)]
        done = subprocess.run(
            command + (["--weights", args.weights] if args.weights else []),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
        if not lines:
            sys.exit(f"{job} failed:\n{done.stderr[-3000:]}")
        print(row(job, json.loads(lines[0].removeprefix(RESULT)), roof), flush=True)


def row(job, found, roof):
    """One line of the table."""
    wall, cpu, peak = RECORD[job]
    record = ", ".join("-" if n is None else f"{n:g}" for n in (wall, cpu, peak))
    factor = cpu / found["cpu"] if cpu else wall / found["wall"]
    floor = f"{found['flop'] / roof / found['wall']:.0%}" if found.get("flop") else "-"
    return (
        f"| {job}{found.get('note', '')} | {found['wall']:.2f} | {found['cpu']:.2f} "
        f"| {found['peak']:.2f} | {record} | "
        f"{factor:.2f}{'' if cpu else ' (wall)'} | {floor} |"
    )


def measure(job, weights, repeats):
    """Numbers of a job: medians of wall and CPU seconds, peak GB, seconds of its multiply-adds."""
    begin = time.perf_counter(), time.process_time()
    prefer_fast_kernels()
    model = model_for(job, weights)
    prepare = detection if job.startswith("detect") else training_step
    step, found, macs = prepare(model, job)
    step()
    if job.startswith("import"):
        wall, cpu = seconds_since(begin)
        return {"wall": wall, "cpu": cpu, "peak": peak_gb()}
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        step()
        times.append(seconds_since(start))
    wall, cpu = (float(median) for median in np.median(times, axis=0))
    found |= {"wall": wall, "cpu": cpu, "peak": peak_gb()}
    return found | ({"flop": roofs.FLOP * macs} if macs else {})


def seconds_since(begin):
    """(wall, CPU) seconds since (`time.perf_counter()`, `time.process_time()`)."""
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def model_for(job, weights):
    """The network that a job works with, under Matterport's names."""
    import keras

    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    class Settings(Config):
        NAME = "coco"
        NUM_CLASSES = CLASSES
        BACKBONE = "resnet50"
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
        IMAGES_PER_GPU = 2 if "2 images" in job else 1
        ROI_ALIGN = "corners"
        DETECTION_MAX_INSTANCES = 16 if "16 found" in job else 100
        NUM_ATTRIBUTES = 0

    keras.utils.set_random_seed(0)
    model = MaskRCNN("training", Settings(), "unused")
    if weights:
        model.load_weights(weights, by_name=True)
    return model


def detection(model, job):
    """Returns what to time, a note for the table, and the multiply-adds of a call."""
    from benchmarks.multiply_adds import inference_macs
    from mrcnn.inference.predict import EAGER_PHOTOS

    config, photo = model.config, golden_photo()
    for _ in range(EAGER_PHOTOS + 1):  # the last of them compiles
        results = model.detect([photo])
    count = len(results[0]["scores"])
    # Masks are computed for as many detections as the smallest bucket that holds them.
    buckets = [b for b in (*config.MASK_BUCKETS, 100) if b >= count]
    described = config.DETECTION_MAX_INSTANCES if count > 64 else buckets[0]
    macs = inference_macs(config, model.keras_model.backbone, described=described)
    return lambda: model.detect([photo]), {"note": f" ({count} found)"}, sum(macs.values())


def training_step(model, job):
    """As `detection`; the multiply-adds are None where not all layers are trained."""
    from benchmarks.multiply_adds import step_macs, training_macs
    from benchmarks.network import made_up_batch, positives_of

    network, config = model.keras_model, model.config
    batch = made_up_batch(config)
    model.set_trainable("heads" if "heads" in job else "all")
    model.compile(config.LEARNING_RATE)
    positives = positives_of(network, batch)
    macs = step_macs(training_macs(config, network.backbone, positives=positives))
    return lambda: network.train_on_batch(batch), {}, macs if "all" in job else None


def golden_photo():
    """An image of rectangles and ellipses, on which random weights find many classes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    photo = np.stack([90 + 80 * x, 120 - 60 * y, 80 + 90 * x * y], axis=-1)
    for _ in range(28):
        (cy, cx), (h, w), colour = (
            rng.uniform(0.05, 0.95, 2),
            rng.uniform(0.03, 0.2, 2),
            rng.uniform(0, 255, 3),
        )
        photo[((y - cy) / h) ** 2 + ((x - cx) / w) ** 2 < 1] = colour
    return np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)


def peak_gb():
    """The most memory this process has held, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
