"""study: every run once, what is noted so that runs of one folder belong together, and what
happens when one fails.
"""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fashion import evaluate as evaluate_verb
from fashion import study
from fashion import train as train_verb
from fashion.cli import run_verb
from fashion.commands import study as study_body
from fashion.config import RECIPES
from fashion.studies import STUDIES, detector_tables
from fashion.studies.detector_tables import COLUMNS
from mrcnn.packages import PackageMissing


def scores_of(seed, is_mlp):
    """metrics.json of a run: a mask AP of 0.1 and 0.01 for each seed; f1AP 0.02 more with an mlp;
    nothing else to measure.
    """
    metrics = {}
    for column, keys in COLUMNS.items():
        place = metrics
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = (
            0.1 + 0.01 * seed + 0.02 * (is_mlp and " f1" in column)
            if keys[0] in ("coco", "f1_ap", "kaggle_2019", "found")
            else -1
        )
    return json.dumps(metrics)


@pytest.fixture
def trained(monkeypatch):
    """`train` and `evaluate` leave the files that theirs do, at once; what `train` was asked for is
    returned, in order.

    Runs whose folder is in the returned list's `fail`, {end of its path: what is raised}, fail.
    """

    class Asked(list):
        fail = {}  # one for each test, as the class is

    asked = Asked()

    def train(words):
        asked.append(words)
        folder = Path(words[words.index("--out") + 1])
        if f"{folder.parent.name}/{folder.name}" in asked.fail:
            raise asked.fail[f"{folder.parent.name}/{folder.name}"]
        if "--resume" not in words:
            (folder / "smoke2026").mkdir(parents=True)
            (folder / "smoke2026" / "config.json").write_text("{}")
        return SimpleNamespace(last=folder / "smoke2026" / "last.h5")

    def evaluate(words):
        folder = Path(words[words.index("--out") + 1])
        assert "--fixed" in words  # without which columns are not there
        (folder / "metrics.json").write_text(
            scores_of(int(folder.name.removeprefix("seed")), folder.parent.name.startswith("mlp"))
        )

    monkeypatch.setattr(train_verb, "main", train)
    monkeypatch.setattr(evaluate_verb, "main", evaluate)
    monkeypatch.setattr(
        detector_tables,
        "plot",
        lambda study, results: SimpleNamespace(
            savefig=lambda path, **_: path.write_text(f"{study.title}: {', '.join(results)}")
        ),
    )
    # Drawing takes half a second; tests/fashion/studies/test_detector_page.py looks at the page.
    monkeypatch.setattr(study_body, "write_page", lambda out, *_: out / "index.html")
    return asked


@pytest.fixture
def weights(tmp_path):
    """A run folder to start from; nothing reads what its checkpoint holds."""
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "best.h5").write_text("trained")
    return tmp_path / "start"


@pytest.fixture
def words(tmp_path, weights):
    """words(*more) -> the command line of two variants with two seeds, in `tmp_path` / "out"."""

    def make(*more, only=("linear", "mlp")):
        return [
            "attribute-heads",
            "--weights",
            str(weights),
            "--out",
            str(tmp_path / "out"),
            "--seeds",
            "2",
            *(word for name in only for word in ("--only", name)),
            *more,
        ]

    return make


def rows_of(folder):
    return list(csv.DictReader((folder / "table.csv").open()))


def done(asked):
    """The variants and seeds that were trained, in order."""
    return ["/".join(Path(w[w.index("--out") + 1]).parts[-2:]) for w in asked]


@pytest.mark.slow
def test_every_variant_is_trained_with_every_seed_and_told(trained, words, tmp_path, capsys):
    results = study.main(words("--set", "ATTRIBUTE_HIDDEN=8"))
    assert done(trained) == ["linear/seed1", "mlp/seed1", "linear/seed2", "mlp/seed2"]
    first = trained[1]
    assert (
        'ATTRIBUTE_HEAD="mlp"' in first
        and "SEED=1" in first
        and first[-2:] == ["--set", "ATTRIBUTE_HIDDEN=8"]
    )
    assert (
        first[first.index("--exclude") + 1] == "mrcnn_attribute.*"
        and 'STAGES=[["compare", "mrcnn_attribute.*", 3, 0.001]]' in first
    )
    assert (
        results["mlp"]["mask f1AP"] == pytest.approx([0.13, 0.14])
        and np.isnan(results["mlp"]["attribute micro F1"]).all()
    )
    rows = rows_of(tmp_path / "out")
    assert [row["variant"] for row in rows] == ["linear", "mlp"] and float(
        rows[0]["mask AP, mean"]
    ) == pytest.approx(0.115)
    printed = capsys.readouterr().out
    assert "0.115 ± 0.007" in printed and "+0.020" in printed and "micro F1" not in printed


@pytest.mark.slow
def test_what_is_finished_is_not_done_again_and_what_was_killed_goes_on(trained, words, tmp_path):
    study.main(words())
    (tmp_path / "out" / "mlp" / "seed1" / "metrics.json").unlink()
    trained.clear()
    study.main(words())
    assert trained == [["--resume", "--out", str(tmp_path / "out" / "mlp" / "seed1")]]


@pytest.mark.slow
def test_a_folder_holds_runs_of_one_kind(trained, words):
    study.main(words())
    trained.clear()
    study.main(words("--seeds", "3"))  # more of them are welcome
    study.main(words(only=["conv"]))
    assert done(trained) == ["linear/seed3", "mlp/seed3", "conv/seed1", "conv/seed2"]
    with pytest.raises(
        ValueError, match="with other arguments .epochs 3 there, 9 here.. Give another folder"
    ):
        study.main(words("--epochs", "9"))


@pytest.mark.slow
def test_another_checkpoint_of_the_same_name_is_another_start(trained, words, weights):
    study.main(words())
    (weights / "best.h5").write_text("trained further")
    with pytest.raises(
        ValueError,
        match="with other arguments .weights_file 'best.h5 [0-9a-f]{16}' there, "
        "'best.h5 [0-9a-f]{16}' here",
    ):
        study.main(words("--seeds", "3"))
    assert len(trained) == 4
    (weights / "best.h5").write_text("trained")
    study.main(words("--seeds", "3"))
    assert len(trained) == 6


@pytest.mark.parametrize("start", [[], ["--weights", "imagenet"], ["--weights", "none"]])
def test_a_start_that_is_no_file_needs_none(trained, tmp_path, start):
    study.main(["variation", "--out", str(tmp_path), "--seeds", "1", "--only", "plain", *start])
    assert json.loads((tmp_path / "study.json").read_text())["weights_file"] == (
        start[1] if start else None
    )


def test_weights_that_do_not_exist_are_said_before_anything_is_trained(trained, words, weights):
    (weights / "best.h5").unlink()
    with pytest.raises(FileNotFoundError, match="neither best.h5 nor last.h5"):
        study.main(words())
    assert not trained


@pytest.mark.slow
def test_a_folder_from_before_starts_and_variants_were_noted_goes_on_and_is_noted_now(
    trained, words, weights, tmp_path
):
    study.main(words())
    out, trained[:] = tmp_path / "out", []
    order = json.loads((out / "study.json").read_text())
    del order["weights_file"]
    (out / "study.json").write_text(json.dumps(order))
    for note in out.glob("*/variant.json"):
        note.unlink()
    with pytest.raises(ValueError, match="rate 0.001 there, 0.1 here"):
        study.main(words("--rate", "0.1"))
    assert json.loads((out / "study.json").read_text()) == order
    study.main(words("--seeds", "3"))
    assert (
        done(trained) == ["linear/seed3", "mlp/seed3"]
        and len(list(out.glob("*/variant.json"))) == 2
    )
    (weights / "best.h5").write_text("trained further")
    with pytest.raises(ValueError, match="weights_file"):
        study.main(words())


@pytest.mark.slow
def test_a_variant_that_is_something_else_now_keeps_no_old_runs(
    trained, words, tmp_path, monkeypatch
):
    study.main(words())
    variants = STUDIES["attribute-heads"].variants
    monkeypatch.setitem(variants, "conv", {"ATTRIBUTE_HEAD": "attention"})  # has no runs
    monkeypatch.setitem(variants, "new", {"ATTRIBUTE_HEAD": "linear"})
    study.main(words("--only", "new"))
    assert done(trained)[-2:] == ["new/seed1", "new/seed2"]
    monkeypatch.setitem(variants, "mlp", {"ATTRIBUTE_HEAD": "conv"})
    for only in (["mlp"], ["linear"]):  # its runs would be in the table of others, too
        with pytest.raises(
            ValueError,
            match=r"out/mlp holds runs of 'mlp' .*\(settings {.*'mlp'} there, {.*'conv'} here\)",
        ):
            study.main(words(only=only))
    (tmp_path / "out" / "mlp").rename(tmp_path / "old")
    study.main(words())
    assert (
        done(trained)[-2:] == ["mlp/seed1", "mlp/seed2"] and 'ATTRIBUTE_HEAD="conv"' in trained[-1]
    )


@pytest.mark.slow
def test_results_are_written_after_each_seed_of_all_variants(trained, words, tmp_path):
    trained.fail["mlp/seed2"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):  # stops at once
        study.main(words("--seeds", "3"))
    assert done(trained) == ["linear/seed1", "mlp/seed1", "linear/seed2", "mlp/seed2"]
    assert [row["mask AP, seeds"] for row in rows_of(tmp_path / "out")] == ["1", "1"]
    assert (tmp_path / "out" / "plot.png").read_text() == "Attribute heads: linear, mlp"


@pytest.mark.slow
def test_a_run_that_fails_does_not_stop_the_others_and_is_told_at_the_end(
    trained, words, tmp_path, capsys, caplog
):
    trained.fail |= {
        "mlp/seed1": ImportError("no such package\nmore about it"),
        "linear/seed2": OSError("cannot download"),
    }
    assert run_verb(study.main, words("--seeds", "3")) == 2
    assert len(trained) == 6
    assert [row["mask AP, seeds"] for row in rows_of(tmp_path / "out")] == ["2", "2"]
    told = capsys.readouterr()
    assert (
        "error: 2 of 6 runs failed" in told.err and "0.120 ± 0.014" in told.out
    )  # linear: 0.11 and 0.13
    assert (
        "mlp, seed 1: ImportError: no such package\nlinear, seed 2: OSError: cannot download"
        in told.err
    )
    assert [(record.message, bool(record.exc_info)) for record in caplog.records] == [
        ("failed: mlp, seed 1: ImportError: no such package", True),
        ("failed: linear, seed 2: OSError: cannot download", False),
    ]
    trained.clear()
    trained.fail.clear()
    study.main(words("--seeds", "3"))
    assert done(trained) == ["mlp/seed1", "linear/seed2"]
    assert [row["mask AP, seeds"] for row in rows_of(tmp_path / "out")] == ["3", "3"]


@pytest.mark.slow
def test_where_every_run_fails_there_is_no_table(trained, words, tmp_path):
    trained.fail |= {
        f"{name}/seed{seed}": MemoryError() for name in ("linear", "mlp") for seed in (1, 2)
    }
    with pytest.raises(ValueError, match="4 of 4 runs failed.*\nlinear, seed 1: MemoryError: \n"):
        study.main(words())
    assert not (tmp_path / "out" / "table.csv").exists()


@pytest.mark.slow
def test_only_trains_less_and_tells_of_all(trained, words, tmp_path):
    study.main(words(only=["conv"]))
    assert [row["variant"] for row in rows_of(tmp_path / "out")] == ["conv"]
    results = study.main(words(only=["linear"]))
    assert (
        list(results) == [row["variant"] for row in rows_of(tmp_path / "out")] == ["linear", "conv"]
    )  # in the study's order


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--weights", ""], "give a trained model to start from"),
        (["--seeds", "0"], "at least 1. Got 0"),
        (["--only", "cnn"], "no variant cnn"),
        (
            ["--set", "SEED=4"],
            "--set SEED=4 would replace what the study gives its runs: use --seeds instead",
        ),
        (["--set", 'STAGES=[["a","all",9,0.1]]'], "use --epochs and --lr instead"),
        (["--set", "EVALUATE_EVERY=1"], "use --epochs instead"),
        (["--set", "LEARNING_RATE=1"], "use --lr instead"),
        (
            ["--set", "ATTRIBUTE_PER_CLASS=true"],
            "attribute-heads compares values of ATTRIBUTE_PER_CLASS: leave it out",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(words, more, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        study.main(words(*more))
    assert message in " ".join(capsys.readouterr().err.split()) and not (tmp_path / "out").exists()


def test_a_setting_that_another_study_compares_may_be_set(trained, words):
    study.main(words("--seeds", "1", "--set", "SCALE_JITTER=[0.5,2]"))
    assert all(w[-1] == "SCALE_JITTER=[0.5,2]" for w in trained)


def test_a_setting_that_does_not_exist_is_said_before_anything_is_trained(trained, words, capsys):
    with pytest.raises(SystemExit):
        study.main(words("--set", "ATTRIBUTE_HIDEN=8"))
    assert "no setting ATTRIBUTE_HIDEN" in capsys.readouterr().err and not trained


def test_a_variant_may_be_more_than_settings(trained, tmp_path):
    study.main(
        [
            "variation",
            "--out",
            str(tmp_path),
            "--seeds",
            "1",
            "--only",
            "rebalanced",
            "--only",
            "copy-paste",
        ]
    )
    rebalanced = next(w for w in trained if "rebalanced" in w[w.index("--out") + 1])
    copied = next(w for w in trained if w is not rebalanced)
    assert "--rebalance" in rebalanced and "COPY_PASTE=0.5" not in rebalanced
    assert "--rebalance" not in copied and "COPY_PASTE=0.5" in copied


def test_every_variant_of_every_study_has_settings_that_exist():
    for each in STUDIES.values():
        assert each.options.keys() <= each.variants.keys()
        for settings in each.variants.values():
            RECIPES["smoke"].from_dict(settings)
            assert all(hasattr(RECIPES["smoke"], name) for name in settings)


class Photos:
    """A data set of so many photos."""

    def __init__(self, count):
        self.image_ids = range(count)


@pytest.fixture
def data_of(monkeypatch):
    """data_of(count): the data have so many training photos."""

    def make(count):
        monkeypatch.setattr(study_body, "open_files", lambda data: data)
        monkeypatch.setattr(
            study_body, "load_train_and_val", lambda files, skip_bad: (Photos(count), Photos(1))
        )

    return make


def option(words, name):
    return words[words.index(name) + 1] if name in words else None


def settings_in(words):
    pairs = [words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--set"]
    return {key: json.loads(value) for key, value in pairs}


LADDER = list(STUDIES["ladder"].variants)


@pytest.mark.slow
def test_each_step_of_the_ladder_starts_from_the_one_before(trained, data_of, tmp_path, capsys):
    data_of(20_000)
    study.main(["ladder", "--seeds", "2", "--out", str(tmp_path), "--epochs", "6"])
    assert len(trained) == 10 and option(trained[0], "--weights") == "coco"
    for step, words in enumerate(trained[1:5], 1):
        folder = detector_tables.folder_of(tmp_path, LADDER[step - 1], 1)
        assert option(words, "--weights") == str(folder / "smoke2026" / "last.h5")
    assert [option(words, "--limit") for words in trained[:5]] == [
        *("5000", "5000", "5000", "10000", "3000"),
    ]
    settings = [settings_in(words) for words in trained[:5]]
    assert [[stage[1:] for stage in each["STAGES"]] for each in settings] == [
        [["heads", 2, 0.001]],
        [["all", 2, 0.001], ["all", 4, 0.0001]],
        [["all", 2, 0.0001], ["all", 4, 0.00005]],
        [["all", 2, 0.00005], ["all", 4, 0.00003]],
        [["all", 1, 0.0001], ["all", 2, 0.00005]],
    ]
    assert [each["AUGMENT"] for each in settings] == [False, False, True, True, True]
    weights = [list(each["LOSS_WEIGHTS"].values())[:5] for each in settings]
    assert weights == [[1] * 5, [1] * 5, [10, 0.8, 6, 6, 6], *[[1, 0.8, 6, 6, 6]] * 2]
    assert [each["EVALUATE_EVERY"] for each in settings] == [2, 6, 6, 6, 1]
    assert [each.get("DETECTION_MAX_INSTANCES") for each in settings] == [None] * 3 + [50] * 2
    assert option(trained[4], "--rebalance") == "missed" and "--rebalance" not in trained[3]
    printed = capsys.readouterr().out
    assert "heads only (slide deck, Kaggle's test photos)" in printed and "0.044" in printed


def test_a_step_needs_the_one_before(trained, data_of, tmp_path):
    data_of(20_000)
    with pytest.raises(ValueError, match="no finished run of 'heads only' with seed 1"):
        study.main(["ladder", "--out", str(tmp_path), "--only", LADDER[1], "--seeds", "1"])
    assert not trained


@pytest.mark.slow
def test_fewer_photos_lower_all_sizes_in_proportion(trained, data_of, tmp_path, caplog):
    data_of(700)
    study.main(["ladder", "--seeds", "1", "--out", str(tmp_path), "--recipe", "ccp"])
    assert [option(words, "--limit") for words in trained] == ["350", "350", "350", "700", "210"]
    assert "There are 700 training photos; the study asks for 10000" in caplog.text
    assert option(trained[0], "--weights") is None  # COCO's are of a ResNet, and ccp has none
    assert json.loads((tmp_path / "study.json").read_text())["limit"] == 700


@pytest.mark.slow
def test_sizes_are_trained_with_equally_many_batches(trained, data_of, tmp_path):
    data_of(320)
    words = ["sample-size", "--out", str(tmp_path), "--seeds", "1", "--recipe", "smoke"]
    with pytest.raises(ValueError, match="There are 320 training photos, too few for 400 photos"):
        study.main(words)
    study.main([*words, "--sizes", "300", "50", "150"])
    assert [option(each, "--limit") for each in trained] == ["50", "150", "300"]
    assert {settings_in(each)["STEPS_PER_EPOCH"] for each in trained} == {100}
    study.main([*words, "--sizes", "300", "50", "150", "200"])  # another size is welcome
    assert len(trained) == 4


def test_a_recipe_may_be_a_file(trained, data_of, tmp_path, capsys):
    data_of(320)
    recipe = tmp_path / "small.json"
    recipe.write_text(json.dumps({"recipe": "ccp", "settings": {"STEPS_PER_EPOCH": 7}}))
    words = ["sample-size", "--out", str(tmp_path / "out"), "--seeds", "1", "--sizes", "10", "20"]
    study.main([*words, "--recipe", str(recipe)])
    assert option(trained[0], "--recipe") == str(recipe)
    assert settings_in(trained[0])["STEPS_PER_EPOCH"] == 7
    recipe.write_text(json.dumps({"recipe": "ccp", "settings": {"STEPS_PER_EPOCH": 8}}))
    with pytest.raises(ValueError, match="recipe_settings"):
        study.main([*words, "--recipe", str(recipe)])
    recipe.write_text("{}")
    for wrong in (str(recipe), "ccpp"):
        with pytest.raises(SystemExit):
            study.main([*words, "--recipe", wrong])
    printed = capsys.readouterr().err
    assert "names no recipe" in printed and "Did you mean ccp?" in printed


@pytest.mark.slow
def test_quick_is_tiny_unless_other_is_asked_for(trained, data_of, tmp_path):
    data_of(320)
    study.main(["cs231n-heads", "--quick", "--out", str(tmp_path)])
    assert len(trained) == 3
    first = trained[0]
    assert [option(first, name) for name in ("--recipe", "--weights", "--limit")] == [
        *("smoke", "none", "16"),
    ]
    assert settings_in(first)["IMAGE_MAX_DIM"] == 128
    args = study.parse(["cs231n-heads", "--quick", "--epochs", "2", "--out", str(tmp_path)])
    assert (args.epochs, args.seeds) == (2, 1)
    args = study.parse(["sample-size", "--quick", "--out", str(tmp_path)])
    assert args.definition.sizes == (8, 16, 32, 64) and args.limit is None


def test_quick_trains_small_backbones_alone(trained, data_of, tmp_path):
    data_of(320)
    study.main(["cs231n-backbones", "--quick", "--out", str(tmp_path)])
    assert done(trained) == ["efficientnet_lite0/seed1", "mobilenetv3_large/seed1"]


def test_without_torchvision_ours_is_trained_and_what_is_missing_is_named(
    trained, data_of, tmp_path, caplog, monkeypatch
):
    data_of(320)

    def missing():
        raise PackageMissing("torchvision's Mask R-CNN needs the package torchvision")

    monkeypatch.setattr(study_body, "import_torch", missing)
    study.main(["cs231n-baselines", "--quick", "--out", str(tmp_path)])
    assert done(trained) == ["ours/seed1"]
    assert "torchvision is left out: torchvision's Mask R-CNN needs" in caplog.text
    with pytest.raises(ValueError, match="nothing to train: torchvision's Mask R-CNN needs"):
        study.main(["cs231n-baselines", "--quick", "--out", str(tmp_path), "--only", "torchvision"])


def test_torchvision_is_trained_as_the_run_of_ours_and_scored_from_its_files(
    trained, data_of, tmp_path, monkeypatch
):
    data_of(320)
    beside, scored = [], []
    monkeypatch.setattr(study_body, "import_torch", lambda: None)
    monkeypatch.setattr(
        study_body, "_train_torchvision", lambda args, run, folder: beside.append((run, folder))
    )
    evaluate = evaluate_verb.main

    def score(words):
        scored.append(words)
        folder = Path(option(words, "--out"))
        folder.mkdir(parents=True, exist_ok=True)
        if "--gt" not in words:
            return evaluate(words)
        metrics = json.loads(scores_of(1, False))
        del metrics["attributes_on_truth"]  # a model without attributes
        (folder / "metrics.json").write_text(json.dumps(metrics))

    monkeypatch.setattr(evaluate_verb, "main", score)
    results = study.main(["cs231n-baselines", "--quick", "--out", str(tmp_path)])
    ((run, folder),) = beside
    assert run.path == tmp_path / "ours" / "seed1" / "smoke2026"
    assert "--true-boxes" not in scored[0]  # of --quick
    assert option(scored[1], "--predictions") == str(folder / "predictions.json")
    assert list(results) == ["ours", "torchvision"]


def test_the_options_of_evaluate_are_those_of_the_report(trained, data_of, tmp_path, monkeypatch):
    data_of(99_999)
    scored, evaluate = [], evaluate_verb.main
    monkeypatch.setattr(
        evaluate_verb, "main", lambda words: (scored.append(words), evaluate(words))
    )
    only = ["--only", "resnet50"]
    study.main(["cs231n-final", "--seeds", "1", "--out", str(tmp_path), *only])
    assert [option(scored[0], name) for name in ("--ap-conf", "--attr-conf", "--limit")] == [
        *("0.3", "0.4", "2000"),
    ]
    assert "--true-boxes" in scored[0]
    assert settings_in(trained[0])["STAGES"] == [["stage1", "3+", 2, 0.00025]]
    assert option(trained[0], "--limit") == "40000" and option(trained[0], "--recipe") == "cs231n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ladder", "--sizes", "8"], "--sizes belongs to sample-size"),
        (["sample-size", "--limit", "8"], "use --sizes instead of --limit"),
        (["sample-size", "--sizes", "0"], "at least 1"),
    ],
)
def test_options_of_one_study_are_refused_in_another(words, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        study.main([*words, "--out", str(tmp_path)])
    assert message in capsys.readouterr().err
