"""Compare variants of a model.        python fashion/compare.py attribute-heads --recipe smoke --weights runs/smoke2026… --out runs/heads

Trains every variant of a study with several seeds, scores each by every measure, and writes one table and one plot after each seed: means
over the seeds, and the differences from the first variant, a star where a 95 % interval leaves out 0. What has a star is beyond what seeds
do, on these validation photos; of other photos it says nothing (and each stands by itself: of twenty stars one is chance).
Whatever is finished is not done again, more seeds and variants can be added later, a killed run goes on, and one that fails does not stop
the others. The table is of all finished runs in --out.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    import fashion  # noqa: F401  before keras, see fashion/__init__.py

import argparse
import json
import logging
import sys
from pathlib import Path

import keras
from tqdm import tqdm

from fashion import evaluate, train
from fashion.cli import add_data_arguments, run_verb, working_in
from fashion.config import RECIPES
from fashion.model import checkpoint_in
from fashion.studies.detector_tables import folder_of, results_of, screen_table, write_results
from fashion.studies.detectors import STUDIES
from fashion.studies.runner import note_run_arguments
from mrcnn.config import parse_setting
from mrcnn.files import digest_of, write_text

log = logging.getLogger(__name__)

COMMON = (
    "study",
    "recipe",
    "data",
    "skip_bad",
    "weights",
    "epochs",
    "rate",
    "set",
)  # to all runs of a folder
OPTIONS = {
    "SEED": "--seeds",
    "STAGES": "--epochs and --rate",
    "EVALUATE_EVERY": "--epochs",
    "LEARNING_RATE": "--rate",
}


def main(argv=None):
    """Run the study that the arguments name; returns `results_of` the folder. Raises ValueError at the end if runs have failed."""
    args = parse(argv)
    with working_in(args.out, "compare", below=True):
        return compare(args)


def compare(args):
    """Run what is missing of the study, then write the table of all that is finished."""
    study = STUDIES[args.study]
    names = [name for name in study.variants if not args.only or name in args.only]
    note_start(args)
    note_variants(args.out, study, names)
    failed = []
    with tqdm(total=len(names) * args.seeds, unit="run", desc=args.study) as bar:
        # Not from 0, the recipes' own: a layer that starts anew would start as it did when the rest of --weights learned to go with it.
        for seed in range(
            1, 1 + args.seeds
        ):  # one after the other: broken off, it leaves every variant with the same seeds
            for name in names:
                try:
                    finished_run(args, study, name, seed)
                except Exception as error:  # of whatever kind: the others may take hours, and nobody may be there to go on
                    failed.append(failure(name, seed, error))
                bar.update()
            results = results_of(args.out, study.variants)
            write_results(args.out, study.title, results)
    if results:
        print(screen_table(study.title, results))
        print(f"table: {args.out / 'table.csv'}; plot: {args.out / 'plot.png'}")
    if failed:
        raise ValueError(
            "\n".join(
                [
                    f"{len(failed)} of {bar.total} runs failed, and the table is without them. The same command tries them "
                    "again:",
                    *failed,
                ]
            )
        )
    return results


def parse(argv):
    """The arguments, checked."""
    parser = argparse.ArgumentParser(
        prog="fashion compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", choices=sorted(STUDIES), help="what is compared")
    parser.add_argument(
        "--recipe", choices=sorted(RECIPES), default="smoke", help="default: %(default)s"
    )
    add_data_arguments(parser)
    parser.add_argument("--weights", metavar="RUN_OR_FILE", help="what every run starts from")
    parser.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="runs of each variant (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=3,
        metavar="N",
        help="of each run, with --rate (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=float, default=1e-3, metavar="R", help="learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="VARIANT",
        help="train this variant alone; may be given several times",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of all variants, none that the study itself sets",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the runs, the table and the plot",
    )
    args = parser.parse_args(argv)
    study = STUDIES[args.study]
    if study.needs_weights and not args.weights:
        parser.error(
            f"{args.study} trains {study.layers} alone: give a trained model to start from with --weights"
        )
    unknown = set(args.only or ()) - study.variants.keys()
    if unknown:
        parser.error(
            f"there is no variant {', '.join(sorted(unknown))}; {args.study} has {'; '.join(study.variants)}"
        )
    if args.seeds < 1 or args.epochs < 1:
        parser.error(f"--seeds and --epochs are at least 1. Got {args.seeds} and {args.epochs}")
    compared = set().union(*study.variants.values())
    for text in args.set:
        key, _ = parse_setting(text, RECIPES[args.recipe])
        if key in OPTIONS:
            parser.error(
                f"--set {text} would replace what the study gives its runs: use {OPTIONS[key]} instead"
            )
        if key in compared:
            parser.error(
                f"--set {text} would make variants alike, since {args.study} compares values of {key}: leave it out, or choose "
                "variants with --only"
            )
    return args


def note_start(args):
    """Notes in study.json what all runs have in common, the content of --weights too. Raises ValueError if they were begun otherwise."""
    named = args.weights in (None, "imagenet", "none")  # no file of its own
    args.weights_file = args.weights if named else digest_of(checkpoint_in(args.weights))
    note_run_arguments(args.out, {name: getattr(args, name) for name in (*COMMON, "weights_file")})


def note_variants(out, study, names):
    """Notes beside the runs of each variant, in variant.json, what it is; `names` are about to have runs. Raises ValueError if a variant,
    of `names` or not, has runs and was something else when they were begun."""
    notes = {}
    for name, settings in study.variants.items():
        path = folder_of(out, name, 1).with_name("variant.json")
        what = {
            "layers": study.layers,
            "anew": study.anew,
            "settings": settings,
            "words": study.words.get(name, []),
        }
        note = json.loads(json.dumps(what))  # as the file gives it back
        has_runs = any(
            any(path.parent.glob(f"seed*/{file}")) for file in ("metrics.json", "*/config.json")
        )
        before = (
            json.loads(path.read_text(encoding="utf-8")) if has_runs and path.exists() else note
        )
        different = [
            f"{key} {before.get(key)!r} there, {value!r} here"
            for key, value in note.items()
            if before.get(key) != value
        ]
        if different:
            raise ValueError(
                f"{path.parent} holds runs of {name!r} from when it was something else ({'; '.join(different)}). Give another "
                "folder with --out, or remove this one to have them done again."
            )
        if has_runs or name in names:
            notes[path] = note
    for path, note in notes.items():
        write_text(path, json.dumps(note, indent=1) + "\n")


def finished_run(args, study, name, seed):
    """The folder of one run, which is trained and scored if it is not yet."""
    folder = folder_of(args.out, name, seed)
    if (folder / "metrics.json").exists():
        return folder
    keras.utils.clear_session(free_memory=True)
    if list(folder.glob("*/config.json")):
        run = train.main(["--resume", "--out", str(folder)])
    else:
        stages = [["compare", study.layers, args.epochs, args.rate]]
        settings = (
            {"SEED": seed, "EVALUATE_EVERY": args.epochs}
            | study.variants[name]
            | {"STAGES": stages}
        )
        run = train.main(
            [
                "--recipe",
                args.recipe,
                "--out",
                str(folder),
                *data_words(args),
                *(["--weights", args.weights] if args.weights else []),
                *(["--exclude", study.anew] if study.anew else []),
                *study.words.get(name, ()),
                *(
                    word
                    for key, value in settings.items()
                    for word in ("--set", f"{key}={json.dumps(value)}")
                ),
                *(word for text in args.set for word in ("--set", text)),
            ]
        )
    evaluate.main(
        [
            "--weights",
            str(run.last),
            "--out",
            str(folder),
            "--fixed",
            "--true-boxes",
            *data_words(args),
        ]
    )
    return folder


def data_words(args):
    """The words of the command line that name the data."""
    return [
        *(["--data", args.data] if args.data else []),
        *(["--skip-bad"] if args.skip_bad else []),
    ]


def failure(name, seed, error):
    """What is said of a run that failed, now and at the end; what nobody expects is logged with its traceback."""
    first_line, *_ = str(error).strip().splitlines() or [""]
    told = f"{name}, seed {seed}: {type(error).__name__}: {first_line}"
    log.error(
        "failed: %s", told, exc_info=None if isinstance(error, (ValueError, OSError)) else error
    )
    return told


if __name__ == "__main__":
    sys.exit(run_verb(main))
