"""Backbones side by side: weights, multiply-adds, and forward times relative to ResNet-50.

    python benchmarks/backbones.py              at 512 x 512 pixels
    python benchmarks/backbones.py --quick      at 256 x 256, fewer repetitions
    python benchmarks/backbones.py --only NAME  some of them

Every backbone takes turns with ResNet-50, image by image, as a plain graph with random weights. So
other work of the machine slows both alike. The ratio is that of the medians. Pyramid and heads are
left out: they cost the same behind every backbone.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import statistics
import time

import numpy as np

from benchmarks.multiply_adds import backbone_macs
from benchmarks.network import wait
from mrcnn.inference.compiled import compiled
from mrcnn.modeling.build import BACKBONES

STANDARD = "resnet50"


def main(argv=None):
    """Print the table that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="256 x 256 pixels, 5 repetitions instead of 9"
    )
    parser.add_argument(
        "--only", nargs="+", choices=sorted(BACKBONES), default=list(BACKBONES), metavar="NAME"
    )
    args = parser.parse_args(argv)
    side, repeats = (256, 5) if args.quick else (512, 9)
    print(
        f"| backbone | parameters, millions | GMAC at {side} × {side} "
        "| forward time, ResNet-50 = 1 |\n|---|---|---|---|",
        flush=True,
    )
    standard = BACKBONES[STANDARD](STANDARD)
    for name in args.only:
        print(row(name, standard, (side, side), repeats), flush=True)


def row(name, standard, image_hw, repeats):
    """A line of the table; standard: the Keras model to time it against."""
    backbone = BACKBONES[name](name)
    ratio = 1.0 if name == STANDARD else time_ratio(backbone, standard, image_hw, repeats)
    parameters, macs = backbone.count_params(), backbone_macs(backbone, image_hw)
    return f"| {name} | {parameters / 1e6:.1f} | {macs / 1e9:.2f} | {ratio:.2f} |"


def time_ratio(backbone, standard, image_hw, repeats):
    """Time of a forward pass of one image over that of `standard`; they take turns."""
    image = np.random.default_rng(0).normal(size=(1, *image_hw, 3)).astype(np.float32)
    passes = [compiled(model, model, xla=False) for model in (backbone, standard)]
    seconds = [[], []]
    for run in range(repeats + 1):
        for forward, taken in zip(passes, seconds, strict=True):
            start = time.perf_counter()
            wait(forward(image))
            if run:  # the first compiles
                taken.append(time.perf_counter() - start)
    return statistics.median(seconds[0]) / statistics.median(seconds[1])


if __name__ == "__main__":
    main()
