"""compare: every run once, means and differences that can be checked by hand, a table and a plot."""
import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from fashion import compare
from fashion.config import RECIPES
from fashion.studies import STUDIES, Study


@pytest.fixture
def trained(monkeypatch):
    """`train` and `evaluate` leave the files that theirs do, at once; what they were asked for is returned, in order.

    The mask AP of a run is 0.1 for its variant plus 0.01 for its seed; the second variant has one more of f1AP.
    """
    asked = []

    def train(words):
        asked.append(words)
        folder = compare.Path(words[words.index("--out") + 1])
        if "--resume" not in words:
            (folder / "smoke2026").mkdir(parents=True)
            (folder / "smoke2026" / "config.json").write_text("{}")
        return SimpleNamespace(last=folder / "smoke2026" / "last.h5")

    def evaluate(words):
        folder = compare.Path(words[words.index("--out") + 1])
        ap = 0.1 + 0.01 * int(folder.name.removeprefix("seed"))
        scores = {kind: {n: ap for n in compare.SIZES} for kind in ("segm", "bbox")}
        f1 = ap + (0.02 if "mlp" in str(folder) else 0) + (0.001 if folder.name == "seed1" else 0)
        (folder / "metrics.json").write_text(json.dumps({
            "coco": scores, "f1_ap": {kind: {f"f1{n}": f1 for n in compare.SIZES} for kind in scores}, "attributes": {"micro_f1": -1}}))

    monkeypatch.setattr(compare.train, "main", train)
    monkeypatch.setattr(compare.evaluate, "main", evaluate)
    return asked


def words(out, *more):
    return ["attribute-heads", "--weights", "run", "--out", str(out), "--seeds", "2", "--only", "linear", "--only", "mlp", *more]


@pytest.mark.slow
def test_every_variant_is_trained_with_every_seed_and_told(trained, tmp_path, capsys):
    results = compare.main(words(tmp_path, "--set", "ATTRIBUTE_HIDDEN=8"))
    assert len(trained) == 4
    assert [w[w.index("--out") + 1].removeprefix(str(tmp_path)) for w in trained] == [
        "/linear/seed1", "/mlp/seed1", "/linear/seed2", "/mlp/seed2"]
    first = trained[1]
    assert 'ATTRIBUTE_HEAD="mlp"' in first and "SEED=1" in first and first[-2:] == ["--set", "ATTRIBUTE_HIDDEN=8"]
    assert first[first.index("--exclude") + 1] == "mrcnn_attribute.*" and 'STAGES=[["compare", "mrcnn_attribute.*", 3, 0.001]]' in first
    assert results["mlp"]["mask f1AP"] == pytest.approx([0.131, 0.14]) and np.isnan(results["mlp"]["attribute micro F1"]).all()
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [row["variant"] for row in rows] == ["linear", "mlp"] and float(rows[0]["mask AP, mean"]) == pytest.approx(0.115)
    assert (tmp_path / "plot.png").stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "0.115 ± 0.007" in printed and "+0.020" in printed and "micro F1" not in printed


@pytest.mark.slow
def test_what_is_finished_is_not_done_again_and_what_was_killed_goes_on(trained, tmp_path):
    compare.main(words(tmp_path))
    (tmp_path / "mlp" / "seed1" / "metrics.json").unlink()
    trained.clear()
    compare.main(words(tmp_path))
    assert trained == [["--resume", "--out", str(tmp_path / "mlp" / "seed1")]]


def test_a_difference_is_real_where_its_interval_leaves_out_0():
    """Student's t of 2 degrees of freedom is 4.30: the mean of 1, 2, 3 is 2 ± 4.30 / sqrt(3), that of 3, 4, 5 leaves out 0."""
    assert compare.beside(np.array([1.0, 2, 3])) == "+2.000 ± 2.484"
    assert compare.beside(np.array([3.0, 4, 5])) == "+4.000 ± 2.484 *"
    assert compare.beside(np.array([-3.0, -4, -5])).endswith("*")


def test_names_of_folders_are_plain(tmp_path):
    folders = {compare.folder_of(tmp_path, name, 0) for study in STUDIES.values() for name in study.variants}
    assert len(folders) == len({name for study in STUDIES.values() for name in study.variants})
    assert all(part.replace("-", "").replace("_", "").isalnum() for folder in folders for part in folder.relative_to(tmp_path).parts)


@pytest.mark.slow
def test_a_folder_holds_runs_of_one_kind(trained, tmp_path):
    compare.main(words(tmp_path))
    trained.clear()
    compare.main([*words(tmp_path), "--seeds", "3"])    # more of them are welcome
    assert len(trained) == 2
    with pytest.raises(ValueError, match="begun otherwise .epochs 3 there, 9 here.. Give another folder"):
        compare.main(words(tmp_path, "--epochs", "9"))


@pytest.mark.parametrize(("more", "message"), [
    (["attribute-heads", "--out", "x"], "give a trained model to start from"),
    (["attribute-heads", "--weights", "w", "--out", "x", "--seeds", "0"], "at least 1. Got 0"),
    (["attribute-heads", "--weights", "w", "--out", "x", "--only", "cnn"], "no variant cnn")])
def test_what_cannot_be_compared_is_said(more, message, capsys):
    with pytest.raises(SystemExit):
        compare.main(more)
    assert message in capsys.readouterr().err


def test_variants_are_settings_that_exist():
    from fashion.config import FashionConfig
    for study in STUDIES.values():
        assert isinstance(study, Study)
        for settings in study.variants.values():
            assert all(hasattr(FashionConfig, name) for name in settings)


@pytest.mark.slow
def test_a_variant_may_be_more_than_settings(trained, tmp_path):
    compare.main(["variation", "--out", str(tmp_path), "--seeds", "1", "--only", "rebalanced", "--only", "copy-paste"])
    rebalanced = next(w for w in trained if "rebalanced" in w[w.index("--out") + 1])
    copied = next(w for w in trained if w is not rebalanced)
    assert "--rebalance" in rebalanced and "COPY_PASTE=0.5" not in rebalanced
    assert "--rebalance" not in copied and "COPY_PASTE=0.5" in copied


def test_every_variant_of_every_study_has_settings_that_exist():
    for study in STUDIES.values():
        assert study.words.keys() <= study.variants.keys()
        for settings in study.variants.values():
            RECIPES["smoke"].from_dict(settings)
            assert all(hasattr(RECIPES["smoke"], name) for name in settings)
