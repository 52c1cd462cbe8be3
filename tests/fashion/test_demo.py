"""demo: train, score, draw and submit on the built-in data, in one go."""

import functools
import re

import pytest

from fashion import demo
from fashion.cli import start_weights
from fashion.datasets import sample


@pytest.mark.slow
def test_the_demo_goes_from_drawing_to_submission(
    tmp_path, monkeypatch, tiny_settings, uncompiled, capsys
):
    """Small pictures, few steps, no ImageNet weights; everything else as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sample,
        "make_sample",
        functools.partial(sample.make_sample, train=6, val=3, size_hw=(128, 96)),
    )
    monkeypatch.setattr(
        start_weights,
        "load_imagenet",
        lambda model, backbone, exclude: f"no weights for {backbone}",
    )
    settings = tiny_settings | {
        "STAGES": '[["heads","heads",1,0.001],["all","all",1,0.001]]',
        "STEPS_PER_EPOCH": 1,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    demo.main(["--out", str(tmp_path / "runs"), *words])
    last = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(
        r"demo: mask_ap50=[01]\.\d{3} attribute_micro_f1=[01]\.\d{3} submission=(.+)", last
    )
    assert found, last
    run = next((tmp_path / "runs").glob("smoke*"))
    assert found.group(1) == str(run / "submission.csv")
    for name in (
        "submission.csv",
        "evaluation/metrics.json",
        "predictions.jpg",
        "history.csv",
        "best.h5",
        "last.h5",
        "test_photos/val_00000.jpg",
    ):
        assert (run / name).exists(), name
