"""evaluate: scores of a split, printed and written."""

import csv
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fashion import evaluate
from fashion.cli import evaluation_input
from fashion.cli.options import SHIPPED_WEIGHTS
from fashion.datasets.files import DataFiles, find_data
from fashion.datasets.splits import load_files
from fashion.evaluation.io.ground_truth import read_ground_truth
from fashion.evaluation.thresholds.files import write_thresholds
from fashion.evaluation.thresholds.names import OBJECTIVE_NAMES
from fashion.evaluation.thresholds.table import CategoryThresholds, Thresholds
from fashion.labels.ontology import Ontology
from fashion.loading import labels_of
from tests.fashion.test_exported import write_onnx

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(autouse=True)
def no_site(request, monkeypatch):
    """Drawing takes seconds; one test below draws, and tests/fashion/reports has the others."""
    if "site" not in request.node.name:
        from fashion.reports import site

        monkeypatch.setattr(site, "write_site", lambda evaluation: evaluation.out / "index.html")


@pytest.mark.slow
def test_a_site_is_written_and_the_tuned_scores_are_printed(sample_folder, raw, tmp_path, capsys):
    out = tmp_path / "out"
    gt, images = sample_folder / "val.csv", sample_folder / "images"
    words = ["--gt", str(gt), "--predictions", str(raw), "--images", str(images)]
    scores = evaluate.main([*words, "--out", str(out), "--tune", "kaggle_2020", "--folds", "2"])
    pages = {"index.html", "scores.html", "errors.html", "thresholds.html"}
    assert pages <= {path.name for path in out.iterdir()}
    printed = capsys.readouterr().out
    tuned = scores["tuned"]["Kaggle 2020"]
    assert re.search(
        rf"Kaggle 2020 +{scores['kaggle_2020']['score']:.3f} +{tuned:.3f} +[+-]", printed
    )
    assert tuned == pytest.approx(scores["tuning"]["on_same"][scores["tuning"]["level"]])
    assert f"next: fashion submit --weights RUN --thresholds {out / 'thresholds.json'}" in printed
    assert json.loads((out / "metrics.json").read_text())["tuned"]["Kaggle 2020"] == tuned


def test_scores_of_all_models_are_of_one_confidence():
    """Whatever confidence a model reports its detections from."""
    assert evaluate.parse(["--weights", str(SHIPPED_WEIGHTS)]).conf == 0.5


def test_no_site_is_written_if_none_is_wanted(sample_folder, raw, tmp_path):
    words = ["--gt", str(sample_folder / "val.csv"), "--predictions", str(raw)]
    evaluate.main([*words, "--out", str(tmp_path / "out"), "--no-pages"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["metrics.json"]


@pytest.mark.slow
def test_scores_of_a_model_are_printed_and_written_and_its_predictions_stored(
    tiny_run, sample_folder, loaded_quickly, tmp_path, capsys
):
    out = tmp_path / "scores"
    scores = evaluate.main(
        [
            "--weights",
            str(tiny_run),
            "--data",
            str(sample_folder),
            "--out",
            str(out),
            "--true-boxes",
        ]
    )
    assert loaded_quickly == {"DETECTION_MIN_CONFIDENCE": 0.01}
    written = json.loads((out / "metrics.json").read_text())
    assert (
        written["rescored"]
        is json.loads((out / "predictions.json").read_text())["rescored"]
        is False
    )
    assert (
        written["photos"] == 4
        and written["weights"] == str(tiny_run / "best.h5")
        and written["min_score"] == 0.01
    )
    assert (
        written["coco"]["segm"]["AP"] == scores["coco"]["segm"]["AP"]
        and 0 <= scores["coco"]["bbox"]["AP50"] <= 1
    )
    assert (
        scores["attributes_on_truth"]["matched"]
        == scores["attributes_on_truth"]["ground_truth"]
        > 0
    )
    printed = capsys.readouterr().out
    assert "AP50" in printed and "\nCOCO, masks " in printed and "micro F1" in printed

    again = evaluate.main(
        [
            "--gt",
            str(sample_folder / "val.csv"),
            "--predictions",
            str(out / "predictions.json"),
            "--fixed",
        ]
    )
    assert all(
        again[name] == scores[name]
        for name in ("coco", "f1_ap", "kaggle_2019", "kaggle_2020", "attributes", "found", "pixels")
    )
    assert not list(out.glob("*.partial"))


@pytest.mark.slow
def test_predictions_of_a_killed_run_are_taken_up(
    tiny_run, tiny_model, sample_folder, loaded_quickly, tmp_path, monkeypatch
):
    words = ["--weights", str(tiny_run), "--data", str(sample_folder), "--out", str(tmp_path)]
    whole, shown = tiny_model.stream, []

    def broken(photos):
        yield from itertools.islice(whole(photos), 3)
        raise KeyboardInterrupt

    def counted(photos):
        for result in whole(photos):
            shown.append(1)
            yield result

    monkeypatch.setattr(tiny_model, "stream", broken)
    with pytest.raises(KeyboardInterrupt):
        evaluate.main(words)
    monkeypatch.setattr(tiny_model, "stream", counted)
    scores = evaluate.main(words)
    assert len(shown) == 2  # the batch in which it was killed
    monkeypatch.setattr(tiny_model, "stream", whole)
    assert evaluate.main(words)["coco"] == scores["coco"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """--out has a default in the working folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


@pytest.fixture
def raw(sample_folder, tmp_path):
    """Every object of the validation photos as a raw prediction whose attributes are sure from 0.3
    on, and one false one in each.
    """
    csv = sample_folder / "val.csv"
    truth, rows = (
        read_ground_truth(csv, evaluation_input.labels_of(csv)),
        [],
    )
    some = truth["attributes"][0]["id"]
    for image in truth["images"]:
        here = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        absent = next(
            row["id"]
            for row in truth["categories"]
            if row["id"] not in {a["category_id"] for a in here}
        )
        for a in [*here, here[0] | {"category_id": absent, "attribute_ids": []}]:
            scores = {str(i): 0.35 for i in a["attribute_ids"]}
            if scores:
                scores.setdefault(str(some), 0.25)
            rows.append(
                {k: a[k] for k in ("image_id", "category_id", "segmentation", "bbox")}
                | {"score": 0.9 if a is here[0] or a in here else 0.6, "attribute_scores": scores}
            )
    (tmp_path / "raw.json").write_text(json.dumps(rows))
    return tmp_path / "raw.json"


@pytest.mark.slow
def test_what_stored_scores_are_of_goes_on_to_the_thresholds(sample_folder, raw, tmp_path):
    rows, csv = json.loads(raw.read_text()), sample_folder / "val.csv"
    names = [
        {"id": image["id"], "file_name": image["file_name"]}
        for image in evaluation_input.ground_truth_of(csv)["images"]
    ]
    words = [
        "--gt",
        str(csv),
        "--predictions",
        str(raw),
        "--tune",
        "attributes",
        "--folds",
        "2",
        "--out",
        str(tmp_path),
    ]
    for stored, expected in (
        (rows, None),
        ({"rescored": True, "images": names, "annotations": rows}, True),
    ):
        raw.write_text(json.dumps(stored))
        scores = evaluate.main(words)
        about = json.loads((tmp_path / "metrics.json").read_text())
        written = json.loads((tmp_path / "thresholds.json").read_text())["tuning"]
        assert [part.get("rescored") for part in (about, scores["tuning"], written)] == [
            expected
        ] * 3


def test_thresholds_of_another_label_list_are_refused_before_the_work(
    sample_folder, tiny_run, tiny_model, loaded_quickly, tmp_path, monkeypatch
):
    write_thresholds(
        tmp_path / "t.json",
        Thresholds(categories={0: CategoryThresholds("umbrella hat", on=False)}),
    )

    def refuse(photos):
        raise AssertionError("a photo was predicted")

    monkeypatch.setattr(tiny_model, "stream", refuse)
    for words in (
        ["--weights", str(tiny_run), "--data", str(sample_folder)],
        ["--gt", str(sample_folder / "val.csv"), "--predictions", __file__],
    ):  # which is not read
        with pytest.raises(
            ValueError, match=r"t.json has thresholds of category 0 \(umbrella hat\), which here is"
        ):
            evaluate.main([*words, "--thresholds", str(tmp_path / "t.json")])


@pytest.mark.slow
def test_thresholds_are_searched_written_and_used(sample_folder, raw, tmp_path, capsys):
    words = ["--gt", str(sample_folder / "val.csv"), "--predictions", str(raw)]
    scores = evaluate.main(
        [*words, "--tune", "kaggle_2020", "--folds", "2", "--out", str(tmp_path / "tuned")]
    )
    assert (
        scores["tuning"]["level"] == "global"
        and scores["tuning"]["held_out"]["global"] == 1 > scores["tuning"]["held_out"]["given"]
    )
    assert len(scores["grid"]["values"]) == 9 and (tmp_path / "tuned" / "grid.png").exists()
    assert json.loads((tmp_path / "tuned" / "metrics.json").read_text())["grid"] == scores["grid"]
    assert "<- written" in capsys.readouterr().out
    tuned = evaluate.main([*words, "--thresholds", str(tmp_path / "tuned" / "thresholds.json")])
    assert tuned["kaggle_2020"]["score"] == 1 and scores["kaggle_2020"]["score"] < 1
    written = json.loads((tmp_path / "tuned" / "thresholds.json").read_text())
    assert 0.25 < written["attribute"] <= 0.35 and 0.6 < written["score"] <= 0.9


@pytest.mark.slow
def test_a_search_for_ap_with_f1_writes_the_grid_of_both(sample_folder, raw, tmp_path):
    words = ["--gt", str(sample_folder / "val.csv"), "--predictions", str(raw)]
    out = ["--out", str(tmp_path)]
    scores = evaluate.main([*words, "--tune", "f1_ap", "--folds", "2", *out])
    grid = scores["grid"]
    all_of_them = grid["score_thresholds"].index(0), grid["attribute_thresholds"].index(0.5)
    assert grid["numbers"]["segm"]["AP"][0] == pytest.approx(scores["coco"]["segm"]["AP"])
    assert grid["values"][all_of_them[0]][all_of_them[1]] == pytest.approx(
        scores["f1_ap"]["segm"]["f1AP"]
    )
    assert (tmp_path / "grid.png").exists()
    assert len((tmp_path / "grid.csv").read_text().splitlines()) == 1 + 2 * 10 * 9


@pytest.mark.slow
def test_a_level_may_be_asked_for(sample_folder, raw, tmp_path):
    evaluate.main(
        [
            "--gt",
            str(sample_folder / "val.csv"),
            "--predictions",
            str(raw),
            "--tune",
            "attributes",
            "--folds",
            "2",
            "--out",
            str(tmp_path),
            "--level",
            "given",
        ]
    )
    written = json.loads((tmp_path / "thresholds.json").read_text())
    assert written["tuning"]["level"] == "given" and (written["score"], written["attribute"]) == (
        0.5,
        0.5,
    )


@pytest.mark.slow
def test_pages_are_written(sample_folder, raw, tmp_path):
    evaluate.main(
        [
            "--gt",
            str(sample_folder / "val.csv"),
            "--predictions",
            str(raw),
            "--report",
            str(tmp_path / "report"),
            "--errors",
            str(tmp_path / "errors"),
            "--images",
            str(sample_folder / "images"),
        ]
    )
    for name in ("report", "errors"):
        page = (tmp_path / name / "index.html").read_text()
        assert (
            page.startswith("<!DOCTYPE html>")
            and "<svg" in page
            and not re.search(r'(src|href)="?http', page)
        )
    assert "data:image/jpeg" in page and json.loads(
        (tmp_path / "errors" / "errors.json").read_text()
    )


def test_pages_need_a_folder_each(tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(
            [
                "--gt",
                "val.csv",
                "--predictions",
                "s.csv",
                "--report",
                str(tmp_path / "page"),
                "--errors",
                str(tmp_path / "a" / ".." / "page"),
            ]
        )
    assert (
        "--report and --errors each write an index.html" in capsys.readouterr().err
        and not (tmp_path / "page").exists()
    )


def test_attributes_that_2019_has_by_mistake_are_left_out_as_in_training(tmp_path):
    labels = Ontology.official(2019)
    carrying, bare = (
        labels.attribute_category_ids[0],
        min(set(labels.category_ids) - set(labels.attribute_category_ids)),
    )
    first, second = labels.attribute_ids[:2]
    csv = tmp_path / "train.csv"
    csv.write_text(
        "ImageId,EncodedPixels,Height,Width,ClassId\n"
        f"a.jpg,1 100,20,20,{carrying}_{first}\n"
        f"a.jpg,201 100,20,20,{bare}_{second}\n"
        f"b.jpg,1 100,20,20,{carrying}_{second}\n"
    )
    truth = evaluation_input.ground_truth_of(csv)
    assert [row["attribute_ids"] for row in truth["annotations"]] == [[first], [], [second]]
    for name in "ab":
        Image.new("RGB", (20, 20)).save(tmp_path / f"{name}.jpg")
    dataset = load_files(DataFiles(tmp_path, csv, None, tmp_path, None, None, 2019), csv, labels)
    assert [row["attribute_ids"] for row in dataset.to_coco()["annotations"]] == [
        [first],
        [],
        [second],
    ]

    rows = [
        {key: row[key] for key in ("image_id", "category_id", "segmentation", "bbox")}
        | {"score": 0.9}
        | (
            {"attribute_scores": {str(i): 0.8 for i in row["attribute_ids"]}}
            if row["attribute_ids"]
            else {"attribute_ids": []}
        )
        for row in truth["annotations"]
    ]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    scores = evaluate.main(["--gt", str(csv), "--predictions", str(tmp_path / "results.json")])
    assert (
        scores["attributes"]["map"]
        == scores["attributes"]["micro_f1"]
        == scores["kaggle_2019"]["pooled"]
        == 1
    )
    assert scores["attribute_curves"]["f1"][9] == 1


def test_labels_beside_a_csv_are_read(sample_folder, tmp_path):
    assert evaluation_input.labels_of(tmp_path / "truth.json") is None
    (tmp_path / "val.csv").write_text("ImageId,EncodedPixels,Height,Width,ClassId\n")
    assert evaluation_input.labels_of(tmp_path / "val.csv") == Ontology.official(2019)
    (tmp_path / "label_descriptions.json").write_text(
        '{"categories": [{"id": 3, "name": "hat"}], "attributes": []}'
    )
    assert evaluation_input.labels_of(tmp_path / "val.csv").category_names == ("hat",)


def test_photos_are_found_by_name_with_or_without_extension(sample_folder, tmp_path):
    read = evaluation_input.image_reader(sample_folder / "images")
    name = next((sample_folder / "images").iterdir())
    assert (
        (read(name.name) == read(name.stem)).all()
        and read("nothing") is None
        and evaluation_input.image_reader(None) is None
    )
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        evaluation_input.image_reader(tmp_path / "none")


def test_photos_outside_of_the_folder_count_as_lacking(tmp_path, caplog):
    (tmp_path / "photos").mkdir()
    for name in ("secret.png", "photos/a.png"):
        Image.new("RGB", (3, 4)).save(tmp_path / name)
    (tmp_path / "photos" / "link.png").symlink_to(tmp_path / "secret.png")
    read = evaluation_input.image_reader(tmp_path / "photos")
    assert read("a").shape == (4, 3, 3) and not caplog.records
    for name in (
        "../secret.png",
        "../secret",
        str(tmp_path / "secret.png"),
        "link.png",
        "link",
        "",
    ):
        assert read(name) is None
        assert "It is not drawn" in caplog.records[-1].getMessage()


def test_a_photo_that_exif_turns_is_drawn_in_the_size_of_its_annotations(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3, 4)).save(tmp_path / "a.jpg", exif=exif)
    sizes = {"a.jpg": (3, 4), "a": (4, 3), "./a.jpg": (5, 5)}
    read = evaluation_input.image_reader(tmp_path, sizes)
    assert (read("a.jpg").shape, read("a").shape) == ((3, 4, 3), (4, 3, 3))
    with pytest.raises(OSError, match="EXIF orientation 6"):
        read("./a.jpg")


def test_images_without_objects_are_scored(tmp_path, capsys):
    """Nothing to find and nothing found is right; a detection there is a false positive."""
    csv, predictions = tmp_path / "val.csv", tmp_path / "predictions.json"
    csv.write_text(
        "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\na,1 40,8,10,3,\nb,,8,10,,\n"
    )
    mask = {"size": [8, 10], "counts": [0, 40, 40]}
    right = {
        "image_id": 0,
        "category_id": 3,
        "score": 0.9,
        "segmentation": mask,
        "attribute_ids": [],
    }
    scores = []
    for rows in ([right], [right, right | {"image_id": 1, "score": 0.95}]):
        predictions.write_text(json.dumps(rows))
        scores.append(evaluate.main(["--gt", str(csv), "--predictions", str(predictions)]))
    capsys.readouterr()
    assert scores[0]["kaggle_2020"]["score"] == 1 > scores[1]["kaggle_2020"]["score"]
    assert scores[0]["coco"]["segm"]["AP"] > scores[1]["coco"]["segm"]["AP"]


def test_stored_predictions_are_scored_by_every_measure(sample_folder, tmp_path, capsys):
    """The truth handed in as a submission: all is found, and only measures that cannot reach 1 do
    not.
    """
    csv = shutil.copy(
        sample_folder / "val.csv", tmp_path
    )  # away from its labels, so of the official ones
    truth = read_ground_truth(csv, Ontology.official(2020))
    results = [
        {k: a[k] for k in ("image_id", "category_id", "segmentation", "bbox", "attribute_ids")}
        | {"score": 1.0}
        for a in truth["annotations"]
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    scores = evaluate.main(
        [
            "--gt",
            str(csv),
            "--predictions",
            str(tmp_path / "results.json"),
            "--fixed",
            "--out",
            str(tmp_path / "scores"),
        ]
    )
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["photos"] == 4
    for name in ("coco", "f1_ap"):
        assert scores[name]["segm"]["AP"] == scores[name]["bbox"]["AP"] == 1
    assert scores["f1_ap"]["segm"]["f1AP"] == scores["fashionpedia"]["segm"]["iou_f1/AP"] == 1
    assert (
        scores["fashionpedia_fixed"]["bbox"]["iou/AP"]
        == scores["kaggle_2020"]["score"]
        == scores["kaggle_2019"]["pooled"]
        == 1
    )
    assert (
        scores["attributes"]["micro_f1"]
        == scores["found"]["sensitivity"]
        == scores["pixels"]["pixel_accuracy"]
        == 1
    )
    printed = capsys.readouterr().out
    assert (
        "Kaggle 2020: 1.0000" in printed
        and "Fashionpedia AP, order-independent" in printed
        and "with F1 of the attributes" in printed
    )


@pytest.mark.slow
def test_stored_predictions_are_scored_without_a_network(sample_folder, tmp_path):
    (tmp_path / "results.json").write_text("[]")
    code = (
        "import sys; from fashion import evaluate; evaluate.main(sys.argv[1:]); "
        "heavy = {'tensorflow', 'keras', 'jax'} & set(sys.modules); "
        "sys.exit(str(sorted(heavy)) if heavy - {'jax'} else 0)"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "--gt",
            str(sample_folder / "val.csv"),
            "--predictions",
            str(tmp_path / "results.json"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_stored_predictions_are_not_scored_again(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["--gt", "val.csv", "--predictions", "s.csv", "--rescore", "rescorer.h5"])
    assert "--tta and --tiles belong to a model" in capsys.readouterr().err


def test_a_model_or_stored_predictions_must_be_named(capsys):
    for words in (["--gt", "val.csv"], ["--predictions", "s.csv"]):
        with pytest.raises(SystemExit):
            evaluate.main(words)
        assert "--gt and --predictions belong together" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        evaluate.main(["--gt", "val.csv", "--predictions", "s.csv", "--weights", "w.h5"])
    assert "give one of them" in capsys.readouterr().err


def test_data_of_another_label_list_are_read_with_their_own(
    sample_folder, ontology, tmp_path, caplog
):
    files = find_data(sample_folder)
    assert evaluation_input.labels_of_data(files, None, ontology, True) == ontology
    attributes = Ontology(
        ontology.category_ids,
        ontology.category_names,
        ontology.category_supercategories,
        (400,),
        ("sheer",),
        ("",),
        ontology.attribute_category_ids,
    )
    assert evaluation_input.labels_of_data(files, None, attributes, False) == files.ontology()
    assert [record.getMessage() for record in caplog.records] == [
        f"The label list of {sample_folder} is not the model's: categories and attributes are "
        "matched by name."
    ]
    with pytest.raises(ValueError, match="--true-boxes needs data of the model's own label list"):
        evaluation_input.labels_of_data(files, None, attributes, True)
    foreign = Ontology((0,), ("kimono",), ("",), (), (), (), ())
    with pytest.raises(ValueError, match="lacks 1 of its categories: 'kimono'. No category has a"):
        evaluation_input.labels_of_data(files, None, foreign, False)


@pytest.fixture
def foreign_folder(sample_folder, tmp_path):
    """The photos with a label list that shares no category with the model's."""
    folder = shutil.copytree(sample_folder, tmp_path / "foreign")
    labels = json.loads((folder / "label_descriptions.json").read_text())
    for row in labels["categories"]:
        row["name"] = f"my {row['name']}"
    (folder / "label_descriptions.json").write_text(json.dumps(labels))
    return folder


@pytest.mark.parametrize("weights", ["run", "exported"])
def test_labels_are_compared_before_a_model_is_loaded(
    weights, tiny_run, tiny_model, foreign_folder, tmp_path, monkeypatch
):
    from fashion.cli import chosen_model

    file = tiny_run
    if weights == "exported":
        file = tmp_path / "model.onnx"
        write_onnx(
            file,
            {"format_version": 1, "task": "detection", "labels": tiny_model.ontology.to_dict()},
        )
    monkeypatch.setattr(chosen_model, "load_model", lambda *_, **__: pytest.fail("it was loaded"))
    words = ["--weights", str(file), "--data", str(foreign_folder), "--out", str(tmp_path / "out")]
    with pytest.raises(ValueError, match="No category has a partner"):
        evaluate.main(words)
    wrong = tmp_path / "map.json"
    wrong.write_text('{"my shoe": "shoe", "my shoo": "shoe"}')
    with pytest.raises(ValueError, match="The label map renames 'my shoo', which neither"):
        evaluate.main([*words, "--label-map", str(wrong)])


def test_labels_are_compared_without_keras(tiny_run, foreign_folder, tmp_path):
    words = ["--weights", str(tiny_run), "--data", str(foreign_folder), "--out", str(tmp_path)]
    code = f"""
import sys
from fashion import evaluate
try:
    evaluate.main({words!r})
except ValueError as error:
    print(error, sorted({{"keras", "tensorflow"}}.intersection(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No category has a partner" in done.stdout and done.stdout.endswith("[]\n"), done


def test_a_model_that_does_not_say_its_labels_is_loaded_first(sample_folder, tmp_path):
    write_onnx(tmp_path / "model.onnx", {"format_version": 1, "task": "detection"})
    assert labels_of(tmp_path / "model.onnx") is None
    with pytest.raises(ValueError, match="does not say which categories"):
        evaluate.main(["--weights", str(tmp_path / "model.onnx"), "--data", str(sample_folder)])


def test_a_model_is_scored_on_data_that_number_attributes_otherwise(
    tiny_run, sample_folder, loaded_quickly, tmp_path
):
    """The same photos with other attribute ids and one attribute that the model lacks: the scores
    are the same.
    """
    folder = shutil.copytree(sample_folder, tmp_path / "data")
    labels = json.loads((folder / "label_descriptions.json").read_text())
    for row in labels["attributes"]:
        row["id"] += 1000
    labels["attributes"].append({"id": 7, "name": "sheer", "supercategory": ""})
    (folder / "label_descriptions.json").write_text(json.dumps(labels))
    for name in ("train.csv", "val.csv"):
        header, *rows = csv.reader((folder / name).read_text().splitlines())
        at = header.index("AttributesIds")
        for row in rows:
            row[at] = ",".join(str(int(i) + 1000) for i in row[at].split(",") if i)
        with open(folder / name, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    scores = [
        evaluate.main(
            [
                "--weights",
                str(tiny_run),
                "--data",
                str(path),
                "--out",
                str(tmp_path / "out"),
                "--conf",
                "0",
            ]
        )
        for path in (sample_folder, folder)
    ]
    for name in ("coco", "f1_ap", "kaggle_2020", "found"):
        assert scores[0][name] == scores[1][name]
    assert scores[0]["attributes"]["counts"] == scores[1]["attributes"]["counts"]
    stored = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert not any(
        row["id"] >= 1000 for row in stored["attributes"]
    )  # the model's own list goes with its ids


@pytest.mark.slow
def test_labels_without_a_partner_are_named_and_left_out_where_asked(
    tiny_run, sample_folder, ontology, loaded_quickly, tmp_path, capsys
):
    """The same photos whose shoes are named otherwise."""
    folder = shutil.copytree(sample_folder, tmp_path / "data")
    labels = json.loads((folder / "label_descriptions.json").read_text())
    (shoe,) = [row for row in labels["categories"] if row["name"] == "shoe"]
    shoe["name"] = "boot"
    (folder / "label_descriptions.json").write_text(json.dumps(labels))
    (tmp_path / "map.json").write_text(json.dumps({"boot": "shoe"}))
    words = ["--weights", str(tiny_run), "--data", str(folder), "--conf", "0", "--no-pages"]
    out = str(tmp_path / "out")
    all_of_them = evaluate.main([*words, "--out", out])
    total = len(ontology.category_names)
    printed = capsys.readouterr().out
    assert f"The model has {total - 1} of the {total} categories of the data." in printed
    assert "counted as missed (--shared-labels leaves them out): 1 category, 'boot'." in printed
    noted = json.loads((tmp_path / "out" / "metrics.json").read_text())["labels"]
    assert noted["only_data"]["categories"] == ["boot"]
    assert noted["only_model"]["categories"] == ["shoe"]
    found = all_of_them["found"]["per_category"][shoe["id"]]
    assert found["instances"] > 0 == found["detections"]
    shared = evaluate.main([*words, "--out", out, "--shared-labels"])
    assert shoe["id"] not in shared["found"]["per_category"]
    assert shared["found"]["instances"] == all_of_them["found"]["instances"] - found["instances"]
    renamed = evaluate.main([*words, "--out", out, "--label-map", str(tmp_path / "map.json")])
    plain = evaluate.main(
        ["--weights", str(tiny_run), "--data", str(sample_folder), "--conf", "0", "--out", out]
    )
    assert renamed["coco"] == plain["coco"] and renamed["found"] == plain["found"]


def test_the_first_images_alone_are_scored(tiny_run, sample_folder, loaded_quickly):
    words = ["--weights", str(tiny_run), "--data", str(sample_folder), "--limit", "2"]
    evaluate.main(words)
    written = json.loads(Path("evaluation", "metrics.json").read_text())
    assert (written["photos"], written["limit"]) == (2, 2)


def test_an_evaluation_that_is_stopped_while_it_scores_predicts_nothing_again(
    tiny_run, tiny_model, sample_folder, loaded_quickly, monkeypatch
):
    from fashion.commands import evaluate as body

    words = ["--weights", str(tiny_run), "--data", str(sample_folder)]
    with monkeypatch.context() as patch:

        def stop(*_):
            raise KeyboardInterrupt

        patch.setattr(body.scoring, "compute_metrics", stop)
        with pytest.raises(KeyboardInterrupt):
            evaluate.main(words)
    assert Path("evaluation", "predictions.partial").exists()
    with pytest.raises(ValueError, match="with other arguments .*--limit: not given there, 2 here"):
        evaluate.main([*words, "--limit", "2"])
    monkeypatch.setattr(tiny_model, "stream", lambda photos: iter(list(photos)[:0]))
    evaluate.main(words)
    assert not Path("evaluation", "predictions.partial").exists()


def test_the_parser_knows_the_names_of_all_objectives():
    from fashion.evaluation.thresholds.objectives import OBJECTIVES

    assert tuple(sorted(OBJECTIVES)) == OBJECTIVE_NAMES


def test_nothing_found_is_told(sample_folder, tmp_path, caplog):
    truth = evaluation_input.ground_truth_of(sample_folder / "val.csv")
    rows = [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "score": 0.9,
            "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]],
        }
        for a in truth["annotations"]
    ]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    evaluate.main(
        ["--gt", str(sample_folder / "val.csv"), "--predictions", str(tmp_path / "p.json")]
    )
    assert "No detection overlaps an object of its category by half" in caplog.text


def test_files_that_are_missing_are_named(tmp_path, sample_folder):
    with pytest.raises(FileNotFoundError, match="none.csv does not exist. --gt names"):
        evaluate.main(["--gt", str(tmp_path / "none.csv"), "--predictions", "p.json"])
    with pytest.raises(FileNotFoundError, match="none.json does not exist. --predictions names"):
        evaluate.main(
            ["--gt", str(sample_folder / "val.csv"), "--predictions", str(tmp_path / "none.json")]
        )


def test_the_split_is_a_csv_of_the_folder(sample_folder, ontology):
    files = find_data(sample_folder)
    assert [
        len(evaluation_input.open_split(files, name, ontology, False).image_ids)
        for name in (None, "val.csv", "train.csv")
    ] == [4, 4, 8]
    of_training = files.train_csv.read_text().splitlines()[1].split(",")[0]
    held_out = evaluation_input.open_split(
        files, None, ontology, False, {"kind": "stratified", "held_out": [of_training]}
    )  # by a checkpoint
    assert [info["id"] for info in held_out.image_info] == [of_training]
    with pytest.raises(FileNotFoundError, match="--split names a CSV inside the data folder"):
        evaluation_input.open_split(files, "test.csv", ontology, False)


def test_a_folder_of_output_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    words = ["--gt", __file__, "--predictions", __file__]
    for option in ("--out", "--report", "--errors"):
        for folder in (tmp_path / "file", tmp_path / "file" / "scores"):
            with pytest.raises(OSError, match=f"file is a file, so .* Name another.*{option} DIR"):
                evaluate.main([*words, option, str(folder)])


def test_a_model_is_scored_on_a_json_of_its_labels_by_other_numbers(
    tiny_run, sample_folder, loaded_quickly, tmp_path
):
    """Trained on one data set, tested on another in Fashionpedia's form."""
    from fashion.datasets.conversion import convert
    from fashion.datasets.writers import WRITERS

    convert(find_data(sample_folder), WRITERS["fashionpedia"], tmp_path / "copy")
    path = tmp_path / "copy" / "annotations" / "instances_attributes_val.json"
    content = json.loads(path.read_text())
    number = {row["id"]: 100 + i for i, row in enumerate(content["categories"])}
    for row in content["categories"]:
        row["id"], row["name"] = number[row["id"]], row["name"].upper()
    for row in content["annotations"]:
        row["category_id"] = number[row["category_id"]]
    path.write_text(json.dumps(content))
    command = ["--weights", str(tiny_run), "--out"]
    images = ["--images", str(tmp_path / "copy" / "val")]
    of_json = evaluate.main([*command, str(tmp_path / "a"), "--data", str(path), *images])
    of_folder = evaluate.main([*command, str(tmp_path / "b"), "--data", str(sample_folder)])
    for name in ("coco", "f1_ap", "kaggle_2019", "kaggle_2020", "attributes", "found"):
        assert of_json[name] == of_folder[name]
    assert json.loads((tmp_path / "a" / "metrics.json").read_text())["photos"] == 4


def test_a_part_of_a_data_set_is_scored(sample_folder, ontology):
    files = find_data(sample_folder)
    train = evaluation_input.open_split(files, "train", ontology, False)
    val = evaluation_input.open_split(files, "val", ontology, False)
    assert (len(train.image_ids), len(val.image_ids)) == (8, 4)
    noted = {"kind": "val.csv", "test": [train.image_info[1]["id"]]}
    test = evaluation_input.open_split(files, "test", ontology, False, noted)
    assert [info["id"] for info in test.image_info] == noted["test"]
    with pytest.raises(ValueError, match="--test-fraction"):
        evaluation_input.open_split(files, "test", ontology, False)


@pytest.mark.slow
def test_the_validation_data_of_a_run_may_be_named(
    tiny_run, sample_folder, loaded_quickly, tmp_path
):
    photos = ["--data", str(sample_folder / "train.csv"), "--images", str(sample_folder / "images")]
    val = ["--val", str(sample_folder / "val.csv"), "--no-pages", "--out", str(tmp_path)]
    evaluate.main(["--weights", str(tiny_run), *photos, *val])
    assert json.loads((tmp_path / "metrics.json").read_text())["photos"] == 4
    with pytest.raises(FileNotFoundError, match="There is no nowhere. --val names"):
        evaluate.parse([*photos, "--val", "nowhere"])
