"""Train on iMaterialist.        python fashion/train.py --stage all --recipe baseline --data ~/imaterialist --out runs/

Recipes and what they cost are in fashion/config.py. A run folder holds config.json, history.csv, TensorBoard logs, the last and
the best checkpoint, pictures of predictions, and split.csv, what was held out of each category and attribute; --resume goes on where it
broke off. The photos that were held out are noted in each checkpoint, so evaluate.py scores on them.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    import fashion  # noqa: F401  before keras, see fashion/__init__.py

import argparse
import contextlib
import platform
import re
import sys
from datetime import datetime
from importlib import metadata as packages
from pathlib import Path

import keras
import numpy as np

from fashion.augmentation import default_augmenter
from fashion.cli import add_data_arguments, open_files, run_verb, working_in
from fashion.cli.run_arguments import blamed_on, ontology_of, read_order
from fashion.config import BEFORE, RECIPES
from fashion.datasets.holding_out import add_split_arguments, agreed_split, held_out_by, note_of
from fashion.datasets.label_counts import label_counts
from fashion.datasets.rebalancing import (
    RULES,
    USUAL,
    Histogram,
    agreed_rules,
    paste_weights,
    starting_repeats,
)
from fashion.datasets.split_table import split_table, summary, worst, write_split_table
from fashion.datasets.splits import load_train_and_val
from fashion.evaluation.monitor import Monitor
from fashion.exploration.preview import write_preview
from fashion.model import FashionModel, checkpoint_in
from mrcnn.config import parse_setting
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.locks import check_free
from mrcnn.modeling.backbones.pretrained import load_imagenet
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.layer_files import (
    WeightError,
    convention_in,
    own_weights,
    read_h5,
    read_metadata,
    weight_layers,
)

DEFAULTS = {
    "recipe": "smoke",
    "stage": "all",
    "weights": "imagenet",
    "exclude": None,
    "rebalance": [],
}
ARRAYS = (".npz", ".pth", ".pkl")  # files that hold a backbone and say nothing else
LAYERS_OF_LABELS = {
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_mask",
    "mrcnn_attribute_logits",
    "mrcnn_attribute_query",
}
VERSIONS = (
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "imgaug",
    "albumentations",
    "pycocotools",
    "h5py",
)


def main(argv=None):
    """Train as the arguments say; returns the run folder, None where only the split or a preview was to be shown."""
    with contextlib.ExitStack() as locks:
        return begin_or_resume(parse(argv), locks)


def begin_or_resume(args, locks):
    """The same; locks: an ExitStack, which gets the lock on the run folder."""
    if args.resume:
        run = resumable_run(args.out)
        check_free(run.path)
        order = agreed_order(run, args)
    else:
        run, order = (
            None,
            {name: getattr(args, name) or default for name, default in DEFAULTS.items()}
            | {"skip_bad": args.skip_bad},
        )
    files = open_data(args, order, run)
    with blamed_on(run):
        ontology = ontology_of(order) if args.resume else files.ontology()
    settings = BEFORE | order["config"] if args.resume else convention_of(order["weights"])
    config = agreed_config(order["recipe"], ontology, settings, args.set, run)
    with blamed_on(run):
        stages = chosen_stages(config, order["stage"])
    keras.utils.set_random_seed(config.SEED)

    split = agreed_split(order, args, files)
    train, validation = load_train_and_val(
        files, ontology, split=split, held_out=held_out_by(run), skip_bad=order["skip_bad"]
    )
    shares = split_table(train, validation)
    if args.show_split:
        print(f"{worst(shares)}\n{summary(shares)}")
        return None
    labels = label_counts(train)
    repeats = starting_repeats(labels, order["rebalance"], config)
    batches = training_batches(
        train,
        config,
        augmenter=default_augmenter() if config.AUGMENT else None,
        repeats=repeats,
        class_weights=paste_weights(labels) if order["rebalance"] else None,
        workers=args.workers,
        processes=args.processes,
    )
    if args.preview:
        print(f"what the training sees: {write_preview(args.preview, batches, ontology)}")
        batches.close()
        return None
    with blamed_on(None if args.set else run):
        model = FashionModel(config, ontology, train.attribute_counts())
    going_on = (
        args.resume and run.last.exists()
    )  # a run that was killed in its first epoch starts over, in its folder
    if not going_on:
        start_weights(model, order["weights"], order["exclude"])
    run = run or RunFolder.create(args.out, f"{config.NAME}{datetime.now():%Y%m%dT%H%M%S}")
    locks.enter_context(working_in(run.path, "train", below=True))
    order |= {
        "command": sys.argv,
        "data": str(files.folder.resolve()),
        "split": split.to_dict(),
        "seed": config.SEED,
        "stages": [vars(s) for s in stages],
        "versions": versions(),
        "config": config.to_dict(),
        "ontology": ontology.to_dict(),
    }
    if not args.resume:
        run.write_config(order)
    print(
        f"run folder: {run.path}\n{len(train.image_ids)} photos to train on ({len(batches)} batches an epoch), "
        f"{len(validation.image_ids)} to validate on, {config.NUM_CLASSES - 1} categories, {config.NUM_ATTRIBUTES} attributes"
    )
    write_split_table(run.path / "split.csv", shares)
    print(f"split: {summary(shares)}")
    if order["rebalance"] and not going_on:  # where it goes on, the files tell what was missed last
        histogram = Histogram(labels, repeats)
        histogram.write(run.path)
        print(
            f"rebalanced by {', '.join(order['rebalance'])}: {histogram.summary()} (rebalance.csv, rebalance.png)"
        )
    monitor = Monitor(
        model,
        validation,
        run,
        batches if "missed" in order["rebalance"] else None,
        np.pad(labels.categories, ((0, 0), (1, 0))),  # by class ids, of which 0 is the background
        on_repeats=lambda now: Histogram(labels, now, batches.sampler.length).write(run.path),
    )
    # Changed settings are noted once the old state has turned out to fit them.
    note = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: run.write_config(order))
    with explained(run, config):
        fit_detector(
            model.detector,
            config,
            batches,
            stages,
            run,
            evaluate=monitor,
            every=config.EVALUATE_EVERY,
            validation=validation_batches(validation, config, args.workers, args.processes),
            resume=going_on,
            metadata=model.metadata() | {"split": note_of(split, validation)},
            callbacks=[note],
        )
    print(f"best checkpoint: {run.best}")
    return run


def parse(argv=None):
    parser = argparse.ArgumentParser(
        prog="fashion train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--stage",
        help="'heads' trains the new layers on a frozen backbone; 'all', the default, is the whole recipe",
    )
    parser.add_argument(
        "--recipe", choices=sorted(RECIPES), help="default: smoke, or what the resumed run used"
    )
    add_data_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="folder of run folders; with --resume also one run folder",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest run in --out, or with the run folder --out",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE|imagenet|none",
        help="where to start: the backbone's ImageNet weights (the default), a run folder or .h5 checkpoint, an .npz "
        "backbone, or nothing",
    )
    parser.add_argument(
        "--exclude",
        metavar="REGEX",
        help="layers that start anew instead of from --weights, by their whole names, for "
        "instance 'mrcnn_attribute.*'",
    )
    parser.add_argument(
        "--rebalance",
        nargs="*",
        metavar="RULE",
        help=f"show some photos more often, by one or more of {', '.join(RULES)}, which fashion/datasets/rebalancing.py explains; "
        f"without a RULE: {' '.join(USUAL)}",
    )
    add_split_arguments(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe",
    )
    parser.add_argument(
        "--list-settings", action="store_true", help="print the settings of the recipe and stop"
    )
    parser.add_argument(
        "--preview",
        type=Path,
        metavar="DIR",
        help="write a page with photos as the training would see them, and stop",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="threads that prepare batches"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=0,
        metavar="N",
        help="prepare batches in so many processes instead",
    )
    args = parser.parse_args(argv)
    recipe = RECIPES[args.recipe or "smoke"]
    if args.list_settings:
        recipe().display()
        sys.exit(0)
    for name in ("workers", "processes"):
        if getattr(args, name) < (name == "workers"):
            parser.error(
                f"--{name} must be {int(name == 'workers')} or more. Got {getattr(args, name)}"
            )
    args.set = [parse_setting(text, recipe) for text in args.set]
    args.rebalance = None if args.rebalance is None else agreed_rules(args.rebalance or USUAL)
    try:
        re.compile(args.exclude or "")
    except re.error as error:
        raise ValueError(f"--exclude {args.exclude} is no regular expression: {error}.") from error
    if "LEARNING_RATE" in dict(args.set):
        raise ValueError(
            "A recipe has a learning rate for each of its stages, so LEARNING_RATE would change nothing. Set the stages "
            'instead, each as [name, layers, epochs, rate]: --set \'STAGES=[["heads","heads",5,0.001],…]\'.'
        )
    return args


def agreed_order(run, args):
    """What the run was asked to do when it began. Raises ValueError if the command line now asks for something else."""
    order = read_order(run)
    for name in DEFAULTS:
        asked = getattr(args, name)
        if asked and asked != order.get(name):
            begun, asked = (
                " ".join(value) if isinstance(value, list) else value
                for value in (order.get(name), asked)
            )
            raise ValueError(
                f"{run.path} was begun with --{name} {begun} and cannot go on with {asked}. Leave --{name} out, or "
                "leave --resume out to start anew."
            )
    return {"exclude": None} | order | {"skip_bad": order["skip_bad"] or args.skip_bad}


def open_data(args, order, run):
    """The DataFiles of --data, or where a run goes on of the folder that it noted."""
    try:
        return open_files(args.data or order.get("data"))
    except FileNotFoundError as error:
        if run is None or args.data:
            raise
        raise FileNotFoundError(
            f"{run.config} names the data {order.get('data')}. {error} Give the folder where they are now: "
            "--data DIR."
        ) from error


def agreed_config(recipe, ontology, settings, asked, run):
    """The Config of a training, from its recipe, and the `settings` of `run` where it goes on (else None).

    asked: [(name, value)] of --set. What is wrong is blamed on config.json, unless it is right without --set.
    """
    try:
        return recipe_config(recipe, ontology, settings | dict(asked))
    except ValueError:
        with blamed_on(run):
            recipe_config(recipe, ontology, settings)
        raise


@contextlib.contextmanager
def explained(run, config):
    """Where weights of a run do not fit its network any more: says which settings have changed since they were saved."""
    try:
        yield
    except ValueError as error:
        before = read_metadata(run.last).get("config", {}) if run.last.exists() else {}
        now = config.to_dict()
        changed = [
            f"{name} was {before[name]} and is {value}"
            for name, value in now.items()
            if name != "STAGES" and before.get(name, value) != value
        ]
        if not changed:
            raise
        raise ValueError(
            f"{error} Settings that have changed since {run.last.name} was saved: {'; '.join(changed)} "
            f"({run.config}, or --set)."
        ) from error


def chosen_stages(config, name):
    """The stages that --stage means: all of the recipe's, or the one of this name."""
    stages = [s for s in config.STAGES if name in ("all", s.name)]
    if not stages:
        raise ValueError(
            f"--stage must be 'all' or one of {', '.join(s.name for s in config.STAGES)}. Got {name!r}."
        )
    return stages


def recipe_config(name, ontology, settings):
    """The recipe's Config for a label list, `settings` taking precedence."""
    sizes = {"NUM_CLASSES": ontology.num_classes, "NUM_ATTRIBUTES": ontology.num_attributes}
    return RECIPES[name].from_dict(settings | sizes)


def start_weights(model, weights, exclude=None):
    """Fill the network as --weights and --exclude say."""
    anew = [
        name for name in weight_layers(model.detector) if exclude and re.fullmatch(exclude, name)
    ]
    if exclude and not anew:
        raise ValueError(
            f"--exclude {exclude} matches no layer; it must match a whole name, such as "
            f"{', '.join(list(weight_layers(model.detector))[-2:])}."
        )
    if weights == "none":
        return
    if weights == "imagenet":
        load_imagenet(model.detector, model.config.BACKBONE, exclude=anew)
        return
    path = weights if str(weights).endswith(ARRAYS) else checkpoint_in(weights)
    trained = read_metadata(path) if path != weights else {}
    try:
        model.detector.load_weights(path, exclude=[*unfitting_layers(model, path, trained), *anew])
    except ValueError as error:
        recipe, wrong = (
            trained.get("config", {}).get("NAME"),
            error.layers if isinstance(error, WeightError) else (),
        )
        raise ValueError(
            str(error)
            + (f" On the command line: --exclude '{'|'.join(wrong)}'." if wrong else "")
            + (
                f" It was trained by the recipe {recipe!r}, and the recipe now is {model.config.NAME!r}."
                if recipe not in (None, model.config.NAME)
                else ""
            )
        ) from error


def convention_of(weights):
    """The setting that heads loaded from `weights` need, {"ROI_ALIGN": "corners"} for Matterport's; {} where nothing is said."""
    if weights in ("none", "imagenet") or str(weights).endswith(ARRAYS):
        return {}
    convention = convention_in(checkpoint_in(weights))
    return {"ROI_ALIGN": convention} if convention else {}


def unfitting_layers(model, path, trained):
    """The class- and attribute-dependent layers that start anew: of a checkpoint with the metadata `trained` those of other labels and of
    another attribute head, even where the shapes agree, since they mean something else; of any file those of another shape."""
    if str(path).endswith(ARRAYS):
        return []
    layers = weight_layers(model.detector)
    shapes = read_h5(path, layers, of_each=lambda dataset: dataset.shape)
    attribute_layers = {name for name in layers if name.startswith("mrcnn_attribute")}
    labels = trained.get("ontology") not in (None, model.ontology.to_dict())
    body = (
        "ontology" in trained
        and (BEFORE | trained.get("config", {})).get("ATTRIBUTE_HEAD")
        != model.config.ATTRIBUTE_HEAD
    )

    def reshaped(name):
        return name in shapes and shapes[name] != [
            tuple(w.shape) for w in own_weights(layers[name])
        ]

    may_differ = attribute_layers if "ontology" in trained else LAYERS_OF_LABELS
    anew = {name for name in may_differ if name in layers and reshaped(name)}
    anew |= (LAYERS_OF_LABELS if labels else set()) | (attribute_layers if body else set())
    return [name for name in layers if name in anew]


def resumable_run(out):
    """The run folder that --resume means: `out` itself, or the newest run in it."""
    configs = (
        [out / "config.json"] if (out / "config.json").exists() else list(out.glob("*/config.json"))
    )
    if not configs:
        raise FileNotFoundError(
            f"There is no run to resume in {out}: no folder with a config.json. Leave --resume out to start anew."
        )

    def last_sign_of_life(config):
        last = config.with_name("last.h5")
        return (last if last.exists() else config).stat().st_mtime

    return RunFolder(max(configs, key=last_sign_of_life).parent)


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
