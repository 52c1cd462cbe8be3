"""What a setting costs: CPU time of a training step and of a prediction, relative to without it.

    python benchmarks/settings.py                      the recipe ccp
    python benchmarks/settings.py --recipe smoke --only "cascade of 3" "masks of 56"

Random weights, a made-up batch, plain graphs. Each variant takes turns with the recipe as it is, so
that other work of the machine slows both alike. Times are CPU time of the process; a ratio is that
of the medians.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import statistics
import time

import keras

from benchmarks.network import made_up_batch
from benchmarks.roof import cpu
from fashion.attributes.build import head_of
from fashion.config import RECIPES
from mrcnn.inference.predict import Predictor
from mrcnn.modeling.build import build_detector
from mrcnn.training.optimizers import make_optimizer

CASCADE, FINE = {"CASCADE_STAGES": 3}, {"MASK_SHAPE": (56, 56)}
SOFT = {"DETECTION_NMS": "soft_gaussian"}
VARIANTS = {
    "cascade of 2": {"CASCADE_STAGES": 2},
    "cascade of 3": CASCADE,
    "masks of 56": FINE,
    "masks of 56, mini-masks of 112": FINE | {"MINI_MASK_SHAPE": (112, 112)},
    "soft-NMS": SOFT,
    "all three": CASCADE | FINE | SOFT,
}


def main(argv=None):
    """Prints the table that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="ccp")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args(argv)
    recipe = RECIPES[args.recipe]
    print(f"{args.recipe} on {cpu()}, Keras {keras.__version__} on {keras.backend.backend()}\n")
    print("| setting | step | prediction, few found | prediction, all found |\n|---|---|---|---|")
    standard = turns_of(recipe, {})
    for name in args.only:
        base, own = in_turn([standard, turns_of(recipe, VARIANTS[name])], args.rounds)
        cells = (f"{one / other:.2f} of {other:.2f} s" for one, other in zip(own, base))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def turns_of(recipe, settings):
    """Functions of no arguments: a training step, a prediction of little and one of everything."""
    keras.utils.set_random_seed(0)
    # Scores of random weights are low.
    config = recipe.from_dict({"DETECTION_MIN_CONFIDENCE": 0.0} | settings)
    head = head_of(config, config.NUM_ATTRIBUTES, config.NUM_CLASSES)
    detector = build_detector(config, [head])
    batch = made_up_batch(config)
    # So small a rate that random weights stay as they are.
    detector.compile(make_optimizer(config, 1e-9, 1000), jit_compile=False)
    predictor = Predictor(detector, config, eager_photos=0)
    images, everywhere = batch["images"][:1], batch["windows"][:1]
    return (
        lambda: detector.train_on_batch(batch),
        lambda: predictor.detect_molded(images, 0 * everywhere),  # clipped to nothing
        lambda: predictor.detect_molded(images, everywhere),
    )


def in_turn(variants, rounds):
    """The median CPU seconds of each turn of each variant: [[seconds, ...], ...]."""
    for turns in variants:  # compiled and warm
        for turn in 2 * turns:
            turn()
    found = [[[] for _ in turns] for turns in variants]
    for _ in range(rounds):
        for turns, of_variant in zip(variants, found, strict=True):
            for turn, seconds in zip(turns, of_variant, strict=True):
                start = time.process_time()
                turn()
                seconds.append(time.process_time() - start)
    return [[statistics.median(seconds) for seconds in of_variant] for of_variant in found]


if __name__ == "__main__":
    main()
