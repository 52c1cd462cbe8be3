"""Wrong options and paths: one clear line, status 2, at once and without Keras."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fashion.__main__ import VERBS
from fashion.cli.options import SHIPPED_WEIGHTS

ROOT = Path(__file__).parents[3]
# Command line, and a part of its one line of error. {data} is a data set, {image} an image, {empty}
# an empty folder, {broken} a folder with an image that cannot be read, {coco} a COCO JSON, and
# {closed} a folder that nobody can write to.
READING = (
    *("train", "evaluate", "explore", "prepare", "convert --to coco", "rescore", "segment"),
    *("study backbones", "export --to all"),
)
WRITING = (
    *("train", "predict {image}", "evaluate --weights {weights}", "explore", "prepare", "mnist"),
    *("convert --data {data} --to coco", "rescore", "segment", "demo", "study backbones"),
    *("export --to all", "catalogue {image}"),
)
WRONG = [
    ("trian", "There is no command trian. Did you mean train?"),
    ("--verbose", "There is no command --verbose."),
    ("predict", "Name image files or folders"),
    ("predict nothing.jpg", "There is no image or folder nothing.jpg."),
    ("predict {empty}", "There are no images ("),
    ("predict {image} --weight w", "no option --weight. Did you mean --weights?"),
    ("predict {image} --weights nothing", "There is no weight file nothing."),
    ("predict {image} --weights {data}", "holds neither best.h5 nor last.h5"),
    ("predict {image} --weights {data}/train.csv", "is not a readable .h5 weight file"),
    ("predict {image} --conf 7", "--conf must be between 0 and 1. Got 7."),
    ("predict {image} --conf high", "--conf must be between 0 and 1. Got high."),
    ("predict {image} --min-score 7", "--min-score must be between 0 and 1. Got 7."),
    ("predict {image} --attr-conf -1", "--attr-conf"),
    ("predict {image} --thresholds nothing", "nothing does not exist. --thresholds names"),
    ("predict {image} --limit 0", "--limit must be a whole number of at least 1. Got 0."),
    ("predict {image} --rescore nothing", "There is no nothing."),
    ("predict {image} --out {data}/train.csv", "train.csv is a file"),
    ("predict {image} --out {data}/train.csv/x", "train.csv is a file"),
    ("predict {image} --set DETECTION_NMS_TRESHOLD=1", "Did you mean DETECTION_NMS_THRESHOLD?"),
    ("predict {image} --set SEED", "--set needs KEY=VALUE. Got SEED."),
    ("predict {image} --set BATCH_SIZE=3", "follows from other settings"),
    ("predict {image} --restart=yes", "--restart takes no value."),
    ("predict {image} --out", "--out needs a value."),
    ("predict {image} --tiles 2by2", "--tiles cannot be used: Tiles are rows x columns"),
    ("predict {image} --ensemble nothing", "There is no weight file nothing."),
    ("predict {image} --ensemble a --weights b", "--ensemble takes the place of --weights."),
    ("predict {image} --ensemble nothing.json", "nothing.json"),
    ("submit --images {image} --ensemble {data}", "holds neither best.h5 nor last.h5"),
    ("ensemble one.json", "Name two files of predictions or more. Got 1."),
    ("ensemble one.json two.json", "one.json does not exist."),
    ("ensemble one.json two.json --search", "--search needs the ground truth"),
    ("ensemble one.json two.json --iou 2", "--iou must be between 0 and 1. Got 2."),
    ("train --set STEPS_PER_EPOCH=many", "STEPS_PER_EPOCH must be a number"),
    ("train --data {data} --set STEPS_PER_EPOCH=many", "STEPS_PER_EPOCH must be a number"),
    ("train photos", "photos is not expected here. Write --data before a data set: --data photos"),
    ("evaluate --gt nothing.csv --predictions {data}/val.csv", "nothing.csv does not exist."),
    ("evaluate --gt {data}/val.csv --predictions no.json", "no.json does not exist."),
    ("evaluate --gt {data}/val.csv", "belong together"),
    ("evaluate --data nowhere", "There is no data set nowhere."),
    ("evaluate --weights nothing", "There is no weight file nothing."),
    ("evaluate --tune kaggle_2021", "Did you mean kaggle_2020?"),
    ("evaluate --folds 1", "--folds must be a whole number of at least 2. Got 1."),
    ("evaluate --data {data} --images nowhere", "nowhere does not exist. --images names"),
    ("search", "--space is missing"),
    ("search --space lr=1e-3,1e-4 --data nowhere --recipe ccp", "There is no data set nowhere."),
    ("search --space lr=1e-3,1e-4 --recipe bassline", "Did you mean baseline?"),
    ("search --space lr=1e-3,1e-4 --out {image}", "is a file, so"),
    ("trends", "INDEX is missing"),
    ("trends nowhere", "There is no index in nowhere."),
    ("trends {empty}", "There is no index in"),
    ("trends {image}", "is a file. An index is a folder"),
    ("trends {empty} --alpha 1", "--alpha must be above 0 and below 1. Got 1."),
    ("submit", "--images is missing"),
    ("submit --images nowhere", "There is no image or folder nowhere."),
    ("submit --images {image} --format 2021", "must be one of 2019, 2020. Got 2021."),
    ("submit --images {image} --out {data}", "is a folder. --out names the file"),
    ("explore --data nowhere", "There is no data set nowhere."),
    ("explore --recipe bassline", "Did you mean baseline?"),
    ("explore --samples -1", "--samples"),
    ("explore --set IMAGE_MAX_DIM=100 --set IMAGE_MIN_DIM=64", "nearest sizes"),
    ("prepare --imgsz 0", "--imgsz must be a whole number from 1 to 65500. Got 0."),
    ("prepare --data nowhere", "There is no data set nowhere."),
    ("rescore --lr 0", "--lr must be a number above 0. Got 0."),
    ("rescore --imgsz 16", "--imgsz must be a whole number of at least 32. Got 16."),
    ("segment --only unet-dyce-adam", "Did you mean unet-dice-adam?"),
    ("segment --imgsz 100", "--imgsz must be a multiple of 32"),
    ("mnist --only fourr", "--only must be one of one, two, three. Got fourr."),
    ("mnist --data nowhere", "nowhere does not exist. --data names"),
    ("demo --out {data}/train.csv", "train.csv is a file"),
    ("settings cpp", "Did you mean ccp?"),
    ("study attribute-head", "Did you mean attribute-heads?"),
    ("runs nowhere", "nowhere does not exist."),
    ("convert --data {data} --to coc", "Did you mean coco?"),
    ("predictions nothing.json --to coco", "nothing.json does not exist."),
    ("serve --weights nothing", "There is no weight file nothing."),
    ("serve --index nowhere", "There is no index in nowhere."),
    ("serve --port 70000", "--port must be a whole number from 0 to 65535. Got 70000."),
    ("serve --cors shop", "--cors must be an origin, such as https://shop.example. Got shop."),
    ("serve --trusted-proxies x", "x is neither an address nor a network."),
    ("serve --api-key-file nothing", "nothing does not exist. --api-key-file names"),
    ("serve --api-key-file {empty}/../broken/a.jpg --keep {data}/train.csv", "train.csv is a file"),
    ("serve --keep {closed}", "closed is not writable"),
    ("train --epochs 0", "--epochs must be a whole number of at least 1. Got 0."),
    ("train --lr 0", "--lr must be a number above 0. Got 0."),
    ("train --recipe cake", "--recipe must be one of"),
    ("train --lerning-rate 1", "There is no option --lerning-rate."),
    ("train --fold 6/5", "A fold is I/K, part I of K"),
    ("train --fold 1", "--fold must be I/K, for instance 1/5. Got 1."),
    ("train --val-fraction 0", "val_fraction must lie between 0 and 1"),
    ("train --test-fraction 0.9", "images are left to train on. Got 0.9 and 0.1."),
    ("train --stage head", "--stage must be 'all' or one of heads, all. Got 'head'. Did you mean"),
    ("train --data {data} --weights {empty}", "holds neither best.h5 nor last.h5"),
    ("train --data nowhere", "There is no data set nowhere."),
    ("predict {broken}/a.jpg", "a.jpg cannot be read as an image"),
    ("predict {broken}", "None of the 2 images can be read."),
    ("submit --images {broken}", "None of the 2 images can be read."),
    ("evaluate", "Nothing to score. Name a data set with --data"),
    ("evaluate --attr-conf 0.4", "Nothing to score."),
    ("study backbones --data nowhere", "There is no data set nowhere."),
    ("mnist --data {empty}", "lacks train-images-idx3-ubyte"),
    ("prepare --data {coco}", "first: fashion convert --data {coco} --to kaggle --out"),
    ("settings ccp smoke", "Name one recipe. Got ccp, smoke."),
    ("settings LERNING_RATE", "The nearest: LEARNING_RATE"),
    ("predictions {coco} --to coco --out {closed}/x.json", "closed is not writable"),
    ("submit --images {image} --out {closed}/x.csv", "closed is not writable"),
    ("ensemble {coco} {coco} --out {closed}/x.json", "closed is not writable"),
    ("runs --page {closed}", "closed is not writable"),
    ("train --preview {closed}", "closed is not writable"),
    ("compare {coco} {coco} --out {closed}", "closed is not writable"),
    ("catalogue", "Name image files or folders"),
    ("catalogue {image} --workers 0", "--workers must be a whole number from 1 to 256. Got 0."),
    ("catalogue {image} --weights nothing", "There is no weight file nothing."),
    ("catalogue {image} --qdrant http://localhost", "names no collection of a Qdrant server."),
    ("similar --index {empty}", "Name photos, or a garment of the index with --garment ID."),
    ("similar {image} --garment 1", "Name photos, or a garment of the index"),
    ("similar {image}", "There is no index in catalogue."),
    ("similar {image} -k 0", "-k must be a whole number from 1 to 1000. Got 0."),
    ("similar {image} -k 1001", "-k must be a whole number from 1 to 1000. Got 1001."),
    *((f"{verb} --data {{empty}}", "No train.csv in") for verb in READING),
    *((f"{command} --out {{closed}}/deep/er", "closed is not writable") for command in WRITING),
]
HEAVY = ("keras", "tensorflow", "jax", "torch", "cv2", "matplotlib", "scipy", "skimage", "pandas")
# Runs commands in one process, and tells what each printed and which packages were imported.
CHILD = f"""
import contextlib, errno, io, json, os, sys, tempfile
from fashion.__main__ import main

# Root may write to every folder: the system's refusal is played.
closed, make = sys.argv[1], tempfile.TemporaryFile
def refusing(*args, dir=None, **more):
    if str(dir) == closed:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), dir)
    return make(*args, dir=dir, **more)
tempfile.TemporaryFile = refusing

known = set()
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(json.loads(line))
        except SystemExit as end:
            status = end.code
    heavy = set({HEAVY!r}).intersection(sys.modules) - known
    known |= heavy
    print(json.dumps([status, out.getvalue(), err.getvalue(), sorted(heavy)]))
"""


@pytest.fixture(scope="module")
def names(sample_folder, tmp_path_factory):
    """What the names in braces stand for."""
    folder = tmp_path_factory.mktemp("named")
    for name in ("empty", "broken", "closed"):
        (folder / name).mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / "broken" / name).write_text("no image")
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "coat"}]}
    (folder / "coco.json").write_text(json.dumps(coco))
    return {
        "data": sample_folder,
        "image": next((sample_folder / "images").iterdir()),
        "weights": SHIPPED_WEIGHTS,
        "coco": folder / "coco.json",
        **{name: folder / name for name in ("empty", "broken", "closed")},
    }


@pytest.fixture(scope="module")
def outcomes(names, tmp_path_factory):
    """[status, output, errors, heavy imports] of every command of WRONG, then of every --help."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "empty").mkdir()
    commands = [text.format(**names).split() for text, _ in WRONG]
    commands += [[verb, "--help"] for verb in VERBS]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(names["closed"])],
        input="".join(json.dumps(command) + "\n" for command in commands),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert not [path.name for path in folder.iterdir() if path.name != "empty"]
    assert not list(names["closed"].iterdir())
    texts = [text for text, _ in WRONG] + [f"{verb} --help" for verb in VERBS]
    return dict(zip(texts, lines, strict=True))


@pytest.mark.parametrize(("command", "expected"), WRONG)
def test_a_mistake_is_reported_in_one_line(command, expected, outcomes, names):
    status, out, err, heavy = outcomes[command]
    assert status == 2 and out == "" and err.count("\n") == 1 and expected.format(**names) in err
    verb = command.split()[0]
    assert err.startswith(f"fashion {verb}: error: " if verb in VERBS else "fashion: error: ")
    # A sentence, unless it begins with an option, a name of code or what was typed.
    first = err.partition("error: ")[2].split()[0]
    assert not (first.isalpha() and first.islower()) or first in command.split()
    # Readers of other formats than Kaggle's need OpenCV, a tenth of a second.
    assert [name for name in heavy if name != "cv2" or "--data" not in command] == []


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_nothing_heavy(verb, outcomes):
    status, out, err, heavy = outcomes[f"{verb} --help"]
    assert status == 0 and out.startswith(f"usage: fashion {verb} ") and err == "" and heavy == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_help_takes_less_than_half_a_second(verb):
    """Of processor time; the best of three, since other processes share the caches."""
    resource = pytest.importorskip("resource")
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, str(ROOT / "fashion" / f"{verb}.py"), "--help"],
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if seconds[-1] < 0.5:
            return
    raise AssertionError(f"{min(seconds):.2f} s")
