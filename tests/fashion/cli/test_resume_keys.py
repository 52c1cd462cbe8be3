"""The keys by which predict, submit and evaluate recognise what they were interrupted in."""

import json
from argparse import Namespace

import pytest

from fashion.cli.resume_keys import check_same_keys, resume_keys

MODEL = {"weights": "best.h5 0123", "settings": {"DETECTION_NMS_THRESHOLD": 0.4}}


def test_only_what_was_given_has_a_key():
    plain = Namespace(set=[], attr_conf=None, rescore=None)
    assert resume_keys(plain, MODEL, 0.5) == MODEL | {"min_score": 0.5, "set": []}


def test_files_are_told_apart_by_their_content(tmp_path):
    thresholds = tmp_path / "thresholds.json"
    thresholds.write_text("{}")
    args = Namespace(set=["A=1"], thresholds=thresholds, attr_conf=0.0, rescore=tmp_path)
    (tmp_path / "rescorer.h5").write_bytes(b"one")
    before = resume_keys(args, MODEL, 0.5)
    assert before["attribute_threshold"] == 0 and before["set"] == ["A=1"]
    thresholds.write_text("{ }")
    (tmp_path / "rescorer.h5").write_bytes(b"two")
    after = resume_keys(args, MODEL, 0.5)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"thresholds", "rescore"}


def test_differences_are_named_like_options(tmp_path):
    partial = tmp_path / "predictions.partial"
    check_same_keys(partial, {"min_score": 0.5})  # nothing to resume
    partial.write_text(json.dumps({"min_score": 0.5, "data": "a"}) + "\n[1, []]\n")
    check_same_keys(partial, {"min_score": 0.5, "data": "a"})
    with pytest.raises(ValueError, match=r"\(--data: 'a' there, 'b' here; --conf: 0.5 there, 0.3"):
        check_same_keys(partial, {"min_score": 0.3, "data": "b"})
