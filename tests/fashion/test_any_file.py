"""Files as people, damaged disks and attackers write them: read, or refused with the file's name.

Each example is a sound file with one to three changes: a value that nobody expects, an entry that
is missing, doubled or in another's place; of binary files bytes. Whatever a reader makes of it, no
other error comes out than ours, and none in Python's own words.

FUZZ_EXAMPLES=5000 pytest -m fuzz
"""

import contextlib
import copy
import io
import json
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion.cli.run_arguments import ontology_of, read_run_arguments
from fashion.config import RECIPES, FashionConfig
from fashion.datasets.holding_out import noted_split
from fashion.evaluation import scoring
from fashion.evaluation.io.ground_truth import checked_ground_truth, read_ground_truth
from fashion.evaluation.io.predictions import checked_results, read_detections
from fashion.evaluation.io.submissions import read_submission
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.files import read_thresholds, read_tuning
from fashion.formats import rle
from fashion.labels.ontology import Ontology
from fashion.submission import checker
from mrcnn.evaluation.coco import evaluate_coco
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.detectron_files import read_detectron_file
from mrcnn.weights.layer_files import read_h5, save_weights
from mrcnn.weights.torch_files import read_torch_file

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 200))
# The same examples in every run: a test that fails today failed yesterday.
many = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
pytestmark = [pytest.mark.fuzz, pytest.mark.slow]

PYTHONS_WORDS = re.compile(
    "invalid literal|could not convert|object is not|has no attribute|unhashable|not supported|"
    "out of (bounds|range)|broadcast|NoneType|must be str|cannot convert|can't decode|recursion"
)
ODD = [
    None, True, False, 0, 1, -1, 2, 3, 0.5, 40.0, 1e308, -1e308, float("nan"), float("inf"),
    -float("inf"), 2**31, 2**53 + 1, 2**63, 2**64, 10**400, 1e-320, "", "a", "1", "-1", "\0",
    "../../etc/passwd", "é", "\ud800", "x" * 5000, "0" * 5000, "~~~~~~~~", [], [[]], [None], [0],
    [1, 2, 3], [0, 0, 0, 0], [1e9] * 4, [0, 0, -1, -1], [5, 5, 1e-300, 1e-300],
    [[0, 0, 10, 0, 10, 10]], [[1, 1, 3e8, 3e8, 5, 7]], [[1, 1, float("nan"), 3, 5, 7]], {},
    {"id": 1}, {"1": 0.5}, {"a": 1}, {"size": [40, 30], "counts": [1200]}, {"counts": "0"},
    {"size": [40, 30], "counts": "0"}, {"size": [0, 0], "counts": []},
    {"size": [2**30, 2**30], "counts": [2**60]}, {"size": [40, 30], "counts": "~" * 9},
]  # fmt: skip
KEYS = ("iscrowd", "area", "bbox", "score", "file_name", "attribute_ids", "attribute_scores")
KEYS += ("mask_probabilities", "id", "supercategory", "other")
changes = st.lists(
    st.tuples(
        st.sampled_from(["set"] * 5 + ["delete", "repeat", "copy", "add"]),
        st.integers(0, 10**6),
        st.integers(0, len(ODD) - 1),
    ),
    min_size=1,
    max_size=3,
)
bytes_changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "insert", "delete", "cut"]),
        st.integers(0, 10**6),
        st.one_of(
            st.binary(min_size=1, max_size=2),
            st.sampled_from(
                [b'"', b",", b"\r", b"\n", b"\0", b"9" * 5000, b"\xff", b"-1", b"1.5", b"_", b'""']
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


def changed(content, asked):
    """A copy of what JSON can hold, with changes."""
    content = copy.deepcopy(content)
    for how, where, odd in asked:
        places = list(places_in(content))
        if not places:
            return content
        holder, key = places[where % len(places)]
        if how == "set" or how == "add" and isinstance(holder, list):
            holder[key] = copy.deepcopy(ODD[odd])
        elif how == "delete":
            del holder[key]
        elif how == "repeat" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif how == "copy":
            other, its_key = places[(where // 7 + odd) % len(places)]
            holder[key] = copy.deepcopy(other[its_key])
        elif isinstance(holder, dict):
            holder[KEYS[where % len(KEYS)]] = copy.deepcopy(ODD[odd])
    return content


def places_in(content):
    """(dict or list, key) of every value inside."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs):
        yield content, key
        if isinstance(value, (dict, list)):
            yield from places_in(value)


def damaged(data, asked):
    """Bytes with changes."""
    data = bytearray(data)
    for how, where, value in asked:
        at = where % max(len(data), 1)
        if how == "set":
            data[at : at + len(value)] = value
        elif how == "insert":
            data[at:at] = value
        elif how == "delete":
            del data[at : at + len(value)]
        else:
            del data[at:]
    return bytes(data)


@contextlib.contextmanager
def refused_by_name(*names):
    """Lets our errors pass that name a file, and no other ones."""
    try:
        yield
    except (ValueError, OSError) as error:
        assert not names or any(name in str(error) for name in names), error
        assert not PYTHONS_WORDS.search(str(error)), error


MASK = np.zeros((40, 30), bool)
MASK[5:20, 4:12] = True
RUNS = rle.to_coco(rle.encode(MASK), (40, 30))
TRUTH = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "height": 40, "width": 30},
        {"id": 2, "file_name": "b.jpg", "height": 40, "width": 30},
    ],
    "categories": [{"id": 1, "name": "shirt", "supercategory": "top"}, {"id": 2, "name": "shoe"}],
    "attributes": [{"id": 4, "name": "long", "supercategory": "length"}, {"id": 7, "name": "red"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": RUNS, "attribute_ids": [4]},
        {
            "id": 2,
            "image_id": 1,
            "category_id": 2,
            "segmentation": [[20, 20, 28, 20, 28, 36, 20, 36]],
            "bbox": [20, 20, 8, 16],
            "area": 128,
            "iscrowd": 0,
            "attribute_ids": [],
        },
        {"id": 3, "image_id": 2, "category_id": 1, "bbox": [2, 2, 10, 10], "iscrowd": 1},
    ],
}
RESULTS = [
    {"image_id": 1, "category_id": 1, "score": 0.9, "segmentation": RUNS, "attribute_ids": [4, 7]},
    {
        "image_id": 1,
        "category_id": 2,
        "score": 0.4,
        "segmentation": [[19, 19, 28, 20, 28, 36, 20, 36]],
        "bbox": [19, 19, 9, 17],
        "attribute_scores": {"4": 0.3, "7": 0.8},
    },
    {"image_id": 2, "category_id": 1, "score": 0.2, "segmentation": RUNS},
]
OBJECT = {key: TRUTH[key] for key in ("images", "categories", "attributes")}
OBJECT |= {"annotations": [{"id": i, **row} for i, row in enumerate(RESULTS, 1)]}


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("which", ["truth", "results", "object"])
def test_any_truth_and_predictions_are_scored_or_refused(which, tmp_path):
    scored = []

    @many
    @given(changes)
    def check(asked):
        truth = changed(TRUTH, asked) if which == "truth" else TRUTH
        found = OBJECT if which == "object" else RESULTS
        found = found if which == "truth" else changed(found, asked)
        write(tmp_path / "gt.json", truth), write(tmp_path / "results.json", found)
        with refused_by_name("gt.json", "results.json"):
            read = read_ground_truth(tmp_path / "gt.json")
            detections = read_detections(tmp_path / "results.json", read)
            if read["annotations"]:
                scores = scoring.compute_metrics(Inputs(read, detections))
                scoring.table(scores)
                scored.append(json.dumps(scores))
        if isinstance(found, list):
            for kind in ("segm", "bbox"):
                with refused_by_name():
                    evaluate_coco(truth, found, kind)

    check()
    assert len(scored) >= EXAMPLES // 50


def test_any_label_list_is_read_or_refused(tmp_path):
    official = Ontology.official(2019).to_dict()
    ours = {key: rows[:3] for key, rows in official.items()}
    kaggles = {key: TRUTH[key] for key in ("categories", "attributes")} | {"info": {"year": 2019}}

    @many
    @given(st.sampled_from([ours, kaggles]), changes)
    def check(labels, asked):
        with refused_by_name("labels.json"):
            read = Ontology.from_file(write(tmp_path / "labels.json", changed(labels, asked)))
            assert Ontology.from_dict(json.loads(json.dumps(read.to_dict()))) == read
            for i in read.category_ids:
                assert read.category_id_of(read.class_id_of(i)) == i

    check()


def test_any_thresholds_are_read_or_refused(tmp_path):
    truth = checked_ground_truth(TRUTH)
    sound = {
        "score": 0.4,
        "mask": 0.5,
        "attribute": 0.3,
        "detections_per_photo": 3,
        "supercategories": {"length": 0.2},
        "categories": {"1": {"name": "shirt", "score": 0.2, "attributes": {"4": 0.1}}},
        "attribute_names": {"4": "long"},
        "tuning": {"goal": "f1", "rescored": False},
    }
    results = checked_results(RESULTS, truth)

    @many
    @given(changes)
    def check(asked):
        path = write(tmp_path / "thresholds.json", changed(sound, asked))
        with refused_by_name("thresholds.json"):
            table = read_thresholds(path)
            assert isinstance(read_tuning(path), dict)
            table.check_ground_truth(truth, path)
            table.apply_to_coco(results, truth)

    check()


def test_any_run_config_is_read_or_refused(tmp_path):
    config = RECIPES["smoke"]()
    labels = {key: rows[:3] for key, rows in Ontology.official(2019).to_dict().items()}
    sound = {
        "recipe": "smoke",
        "stage": "all",
        "weights": "none",
        "exclude": None,
        "rebalance": None,
        "skip_bad": False,
        "data": None,
        "split": {"kind": "stratified", "fold": [1, 5], "val_fraction": 0.1, "seed": 0},
        "ontology": labels,
        "config": json.loads(json.dumps(config.to_dict())),
    }
    run = RunFolder(tmp_path)

    @many
    @given(changes)
    def check(asked):
        write(run.config, changed(sound, asked))
        with refused_by_name("config.json", "ontology:"):
            ontology_of(read_run_arguments(run))

    check()


def test_any_note_and_settings_of_a_checkpoint_are_taken_or_refused():
    note = {"kind": "random", "fold": None, "val_fraction": 0.1, "seed": 0, "held_out": ["a", "b"]}

    @many
    @given(changes)
    def check(asked):
        with refused_by_name("best.h5"):
            noted_split("best.h5", changed({"split": note}, asked))
        settings = changed(RECIPES["smoke"]().to_dict(), asked)
        with refused_by_name():
            FashionConfig.from_dict(settings)

    check()


@pytest.mark.parametrize("year", [2019, 2020])
def test_any_submission_is_read_or_refused(year, tmp_path):
    path, ontology = tmp_path / "submission.csv", Ontology.official(year)
    truth = checked_ground_truth(
        {
            "images": [
                image | ({} if year == 2019 else {"file_name": image["file_name"][:1]})
                for image in TRUTH["images"]
            ],
            "annotations": [],
            **ontology.to_coco(),
        }
    )
    text = rle.encode(MASK)
    lines = {
        2019: [
            "ImageId,EncodedPixels,ClassId",
            f"a.jpg,{text},10_3_20",
            "b.jpg,,",
            f"a.jpg,{text},3",
        ],
        2020: ["ImageId,EncodedPixels,ClassId,AttributesIds", f'a,{text},10,"3,20"', "b,,,"],
    }[year]
    sound = ("\n".join(lines) + "\n").encode()
    photos = {image["file_name"]: (40, 30) for image in truth["images"]}

    @many
    @given(bytes_changes)
    def check(asked):
        path.write_bytes(damaged(sound, asked))
        with refused_by_name("submission.csv"):
            read_submission(path, truth)
        problems = checker.check(path, photos, year, ontology)
        assert all(isinstance(problem, str) for problem in problems)

    check()


def weights_files():
    """{ending: (reader, bytes of sound files)}."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    pickled = [pickle.dumps({"conv/kernel": array}, protocol=n) for n in (2, 4)]
    file = io.BytesIO()
    np.save(file, array)
    member = {"conv/kernel.npy": file.getvalue()}
    packed = [zipped(member, kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
    return {"pkl": (read_detectron_file, pickled), "npz": (read_npz, packed), "pth": torch_files()}


def zipped(members, compression=zipfile.ZIP_STORED):
    """The bytes of an archive; without the time of day, so that every run has the same ones."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def read_npz(path):
    from mrcnn.weights.layer_files import _read_npz

    return _read_npz(path)


def torch_files():
    """A state dict of two tensors as PyTorch 1.6 writes it, in a .zip file."""

    def word(text):
        return b"X" + len(text).to_bytes(4, "little") + text.encode()

    def tensor(key):
        storage = b"(" + word("storage") + b"ctorch\nFloatStorage\n" + word(key) + word("cpu")
        return (
            b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x06tQK\x00(K\x02K\x03t(K\x03K"
            b"\x01t\x89ccollections\nOrderedDict\n)RtR"
        )

    data = b"\x80\x02ccollections\nOrderedDict\n)R("
    data += b"".join(word(name) + tensor(key) for name, key in (("a.weight", "0"), ("b", "1")))
    members = {"data.pkl": data + b"u."}
    members |= {f"data/{key}": np.arange(6, dtype=np.float32).tobytes() for key in "01"}
    return read_torch_file, [zipped({f"x/{name}": data for name, data in members.items()})]


@pytest.mark.parametrize("ending", ["pkl", "npz", "pth"])
def test_any_file_of_weights_is_read_or_refused(ending, tmp_path):
    read, files = weights_files()[ending]
    path = tmp_path / f"weights.{ending}"
    for data in files:
        path.write_bytes(data)
        assert read(path)

    @many
    @given(st.sampled_from(files), bytes_changes)
    def check(data, asked):
        path.write_bytes(damaged(data, asked))
        with refused_by_name(path.name):
            for found in read(path).values():
                for array in found if isinstance(found, list) else [found]:
                    assert array.dtype.kind in "fiub" and np.asarray(array).nbytes <= 1 << 20

    check()


def test_any_h5_file_is_read_or_refused(tmp_path):
    """Each starts a process that tries it, so there are fewer."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    save_weights(model, tmp_path / "sound.h5", metadata={"config": {}})
    sound = (tmp_path / "sound.h5").read_bytes()
    path = tmp_path / "weights.h5"

    @settings(many, max_examples=max(EXAMPLES // 20, 1))
    @given(bytes_changes)
    def check(asked):
        path.write_bytes(damaged(sound, asked))
        with refused_by_name("weights.h5"):
            read_h5(path)

    check()
