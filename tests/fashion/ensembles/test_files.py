"""Ensemble files: read as written, and every mistake is told with its place."""

import json

import pytest

from fashion.ensembles.files import EnsembleFile, ensemble_of, read_ensemble, write_ensemble
from mrcnn.inference.fusion import FusionSettings

HDF5 = b"\x89HDF\r\n\x1a\n"


@pytest.fixture
def runs(tmp_path):
    for name in ("a/best.h5", "b/last.h5", "c/rescorer.h5", "d/weights.h5"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(HDF5)
    return tmp_path


def test_an_ensemble_is_read_as_it_was_written(runs):
    (runs / "labels.json").write_text("{}")
    content = {
        "members": [
            {"weights": "a", "weight": 2},
            {"weights": "b/last.h5", "labels": "labels.json", "settings": {"BACKBONE": "resnet50"}},
            "c",
            str(runs / "d"),
        ],
        "fusion": {"method": "nms", "iou_threshold": 0.5},
        "attributes": "vote",
        "tta": "mirror",
    }
    (runs / "one.json").write_text(json.dumps(content))
    one = read_ensemble(runs / "one.json")
    assert [member.weight for member in one.members] == [2, 1, 1, 1]
    assert one.fusion == FusionSettings("nms", 0.5) and one.tta == "mirror"
    (runs / "below").mkdir()
    for place in (runs / "again.json", runs / "below" / "again.json"):
        write_ensemble(place, one, score=0.5)
        again = read_ensemble(place)
        assert again.contents() == one.contents()
    assert json.loads((runs / "again.json").read_text())["members"][0]["weights"] == "a"


def test_yaml_is_read_as_well(runs):
    (runs / "e.yaml").write_text("members:\n- weights: a\n  weight: .5\n- b\ntiles: 2x2\n")
    read = read_ensemble(runs / "e.yaml")
    assert [member.weight for member in read.members] == [0.5, 1] and read.tiles == "2x2"


def test_runs_on_the_command_line_have_equal_weights(runs):
    both = ensemble_of([runs / "a", runs / "d" / "weights.h5"])
    assert [member.weight for member in both.members] == [1, 1]
    assert both.fusion == FusionSettings() and both.categories is None


def test_other_contents_are_another_ensemble(runs):
    (runs / "b" / "last.h5").rename(runs / "b" / "best.h5")
    before = ensemble_of([runs / "a", runs / "b"]).contents()
    assert ensemble_of([runs / "b", runs / "a"]).contents() == before  # the files are equal
    (runs / "a" / "best.h5").write_bytes(HDF5 + b"more")
    assert ensemble_of([runs / "a", runs / "b"]).contents() != before
    json.dumps(before)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "members is null"),
        ({"members": []}, "a list of models"),
        ({"members": ["a"], "fusions": {}}, "'fusions'"),
        ({"members": ["nowhere"]}, r"members\[0\].*no weight file"),
        ({"members": ["a", {"weights": "b", "weight": 0}]}, r"members\[1\].weight is 0"),
        ({"members": [{"weights": "a", "labels": "none.json"}]}, "no label file"),
        ({"members": [{"path": "a"}]}, "weights"),
        ({"members": ["a"], "fusion": {"iou": 0.5}}, "'iou'.*iou_threshold"),
        ({"members": ["a"], "fusion": {"iou_threshold": 2}}, r"\[0, 1\)"),
        ({"members": ["a"], "fusion": {"iou_threshold": "high"}}, "a number"),
        ({"members": ["a"], "categories": "median"}, "boxes, mean, vote"),
        ({"members": ["a"], "attributes": "median"}, "mean, vote"),
        ({"members": ["a"], "tta": "turned"}, "tta.*turned"),
        ({"members": ["a"], "tiles": "many"}, "tiles.*many"),
    ],
)
def test_mistakes_are_told(runs, content, message):
    path = runs / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_ensemble(path)


def test_a_file_among_runs_is_refused(runs):
    (runs / "e.json").write_text(json.dumps({"members": ["a"]}))
    assert ensemble_of([runs / "e.json"]) == EnsembleFile(read_ensemble(runs / "e.json").members)
    with pytest.raises(ValueError, match="one ensemble file or several models"):
        ensemble_of([runs / "a", runs / "e.json"])
