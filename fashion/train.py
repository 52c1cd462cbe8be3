"""Train on iMaterialist.        python fashion/train.py --stage all --recipe baseline --data ~/imaterialist --out runs/

Recipes and what they cost are in fashion/config.py. A run folder holds config.json, history.csv, TensorBoard logs, the last and
the best checkpoint, and pictures of predictions; --resume goes on where it broke off.
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import platform
import sys
from datetime import datetime
from importlib import metadata as packages
from pathlib import Path

import keras

from fashion.augmentation import default_augmenter
from fashion.commands import add_data_arguments, open_files, run_verb
from fashion.config import RECIPES
from fashion.datasets.splits import load_train_and_val
from fashion.evaluation.monitor import Monitor
from fashion.model import FashionModel
from fashion.ontology import Ontology
from mrcnn.config import parse_setting
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.data.samplers import repeat_factors
from mrcnn.training.checkpoints import load_weights, read_state
from mrcnn.training.fit import fit
from mrcnn.training.imagenet import load_imagenet
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.schedules import Stage

VERSIONS = ("keras", "tensorflow", "jax", "numpy", "imgaug", "pycocotools", "h5py")


def main(argv=None):
    """Train as the arguments say; returns the run folder."""
    args = parse(argv)
    if args.resume:
        run = resumable_run(args)
        stored = run.read_config()
        files = open_files(args.data or stored["data"])
        ontology = Ontology.from_dict(stored["ontology"])
        config = recipe_config(stored["recipe"], ontology, stored["config"] | dict(args.set))
        stages = [Stage(**s) for s in stored["stages"]]
        rebalance = stored["rebalance"]
        run.write_config(stored | {"config": config.to_dict()})
    else:
        files = open_files(args.data)
        ontology = files.ontology()
        config = recipe_config(args.recipe or "smoke", ontology, dict(args.set))
        stages = chosen_stages(config, args.stage)
        run = RunFolder(Path(args.out) / f"{config.NAME}{datetime.now():%Y%m%dT%H%M%S}")
        rebalance = args.rebalance
    keras.utils.set_random_seed(config.SEED)

    train, validation = load_train_and_val(files, ontology, skip_bad=args.skip_bad)
    classes = [train.image_class_ids(i) for i in train.image_ids]
    repeats = repeat_factors(classes, config.REBALANCE_THRESHOLD) if rebalance else None
    batches = training_batches(train, config, augmenter=default_augmenter() if config.AUGMENT else None, repeats=repeats,
                               workers=args.workers)
    model = FashionModel(config, ontology)
    if not args.resume:
        start_weights(model, args.weights)
        run.write_config({"command": sys.argv, "recipe": args.recipe or "smoke", "data": str(files.folder.resolve()), "seed": config.SEED,
                          "rebalance": rebalance, "stages": [vars(s) for s in stages],
                          "versions": versions(), "config": config.to_dict(), "ontology": ontology.to_dict()})
    print(f"run folder: {run.path}\n{len(train.image_ids)} photos to train on ({len(batches)} batches an epoch), "
          f"{len(validation.image_ids)} to validate on, {config.NUM_CLASSES - 1} categories, {config.NUM_ATTRIBUTES} attributes")
    monitor = Monitor(model, validation, run, batches if rebalance else None, classes)
    fit(model.detector, config, batches, stages, run, validation=validation_batches(validation, config), evaluate=monitor,
        every=config.EVALUATE_EVERY, resume=args.resume, metadata=model.metadata())
    print(f"best checkpoint: {run.best}")
    return run


def parse(argv=None):
    parser = argparse.ArgumentParser(prog="fashion train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="all", help="'heads' trains the new layers on a frozen backbone, 'all' the whole recipe")
    parser.add_argument("--recipe", choices=sorted(RECIPES), help="default: smoke, or what the resumed run used")
    add_data_arguments(parser)
    parser.add_argument("--out", default="runs", metavar="RUNS", help="folder of run folders; with --resume also one run folder")
    parser.add_argument("--resume", action="store_true", help="go on with the newest run in --out, or with the run folder --out")
    parser.add_argument("--weights", default="imagenet", metavar="FILE|imagenet|none",
                        help="where to start: the backbone's ImageNet weights, a .h5 checkpoint or .npz backbone, or nothing")
    parser.add_argument("--rebalance", action="store_true", help="show photos with rare, and with missed frequent, classes more often")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting of the recipe")
    parser.add_argument("--list-settings", action="store_true", help="print the settings of the recipe and stop")
    parser.add_argument("--workers", type=int, default=1, help="threads that prepare batches")
    args = parser.parse_args(argv)
    recipe = RECIPES[args.recipe or "smoke"]
    if args.list_settings:
        recipe().display()
        sys.exit(0)
    args.set = [parse_setting(text, recipe) for text in args.set]
    return args


def chosen_stages(config, name):
    """The stages that --stage means: all of the recipe's, or the one of this name."""
    stages = [s for s in config.STAGES if name in ("all", s.name)]
    if not stages:
        raise ValueError(f"--stage must be 'all' or one of {', '.join(s.name for s in config.STAGES)}. Got {name!r}.")
    return stages


def recipe_config(name, ontology, settings):
    """The recipe's Config for a label list, `settings` taking precedence."""
    sizes = {"NUM_CLASSES": ontology.num_classes, "NUM_ATTRIBUTES": ontology.num_attributes}
    return RECIPES[name].from_dict(settings | sizes)


def start_weights(model, weights):
    """Fill the network as --weights says."""
    if weights == "none":
        return
    if weights == "imagenet":
        print(load_imagenet(model.detector, model.config.BACKBONE))
    else:
        print(f"{weights}: {load_weights(model.detector, weights, exclude=unfitting_layers(model, weights))}")


def unfitting_layers(model, path):
    """The class- and attribute-dependent layers, if the checkpoint was trained for another label list; they start anew."""
    if not str(path).endswith(".h5"):
        return []
    from mrcnn.training.checkpoints import read_metadata
    trained_for = read_metadata(path).get("ontology")
    if trained_for == model.ontology.to_dict():
        return []
    return ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask", "mrcnn_attribute_logits"]


def resumable_run(args):
    """The run folder that --resume means: --out itself, or the newest run in it that can be resumed."""
    out = Path(args.out)
    if (out / "config.json").exists():
        return RunFolder(out)
    checkpoints = [p for p in out.glob("*/last.h5") if read_state(p)]
    if not checkpoints:
        raise FileNotFoundError(f"There is no run to resume in {out}: no folder with config.json and last.h5. Leave --resume out to "
                                "start anew.")
    return RunFolder(max(checkpoints, key=lambda p: p.stat().st_mtime).parent)


def versions():
    """The versions of what the result depends on."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in VERSIONS:
        try:
            found[name] = packages.version(name)
        except packages.PackageNotFoundError:
            pass
    return found


if __name__ == "__main__":
    sys.exit(run_verb(main))
