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
from fashion.config import RECIPES
from fashion.studies import STUDIES, detector_tables
from fashion.studies.detector_tables import COLUMNS


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
            if keys[0] in ("coco", "f1_ap")
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
        assert {"--fixed", "--true-boxes"} <= set(words)  # without which two columns are not there
        (folder / "metrics.json").write_text(
            scores_of(int(folder.name.removeprefix("seed")), folder.parent.name.startswith("mlp"))
        )

    monkeypatch.setattr(train_verb, "main", train)
    monkeypatch.setattr(evaluate_verb, "main", evaluate)
    monkeypatch.setattr(
        detector_tables,
        "plot",
        lambda title, results: SimpleNamespace(
            savefig=lambda path, **_: path.write_text(f"{title}: {', '.join(results)}")
        ),
    )
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


def test_what_is_finished_is_not_done_again_and_what_was_killed_goes_on(trained, words, tmp_path):
    study.main(words())
    (tmp_path / "out" / "mlp" / "seed1" / "metrics.json").unlink()
    trained.clear()
    study.main(words())
    assert trained == [["--resume", "--out", str(tmp_path / "out" / "mlp" / "seed1")]]


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


def test_results_are_written_after_each_seed_of_all_variants(trained, words, tmp_path):
    trained.fail["mlp/seed2"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):  # stops at once
        study.main(words("--seeds", "3"))
    assert done(trained) == ["linear/seed1", "mlp/seed1", "linear/seed2", "mlp/seed2"]
    assert [row["mask AP, seeds"] for row in rows_of(tmp_path / "out")] == ["1", "1"]
    assert (tmp_path / "out" / "plot.png").read_text() == "Attribute heads: linear, mlp"


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


def test_where_every_run_fails_there_is_no_table(trained, words, tmp_path):
    trained.fail |= {
        f"{name}/seed{seed}": MemoryError() for name in ("linear", "mlp") for seed in (1, 2)
    }
    with pytest.raises(ValueError, match="4 of 4 runs failed.*\nlinear, seed 1: MemoryError: \n"):
        study.main(words())
    assert not (tmp_path / "out" / "table.csv").exists()


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
