"""The five lines at the top of the README work as they are printed, on a small data set."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.sample import make_sample

ROOT = Path(__file__).parents[1]
# What makes a training of minutes one of seconds.
SHORT = "--epochs 1 --imgsz 64 --batch 2 --limit 4"

pytestmark = pytest.mark.full


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the README names: photos, their COCO JSON, test photos."""
    sample = make_sample(tmp_path / "sample", train=8, val=4)
    files = find_data(sample)
    data = load_imaterialist(files.train_csv, files.images_dir, files.ontology())
    (tmp_path / "annotations.json").write_text(json.dumps(data.to_coco()))
    for name in ("photos", "test"):
        (tmp_path / name).mkdir()
    for info in data.image_info:
        shutil.copy(info["path"], tmp_path / "photos")
    shutil.copy(data.image_info[0]["path"], tmp_path / "test")
    shutil.copy(data.image_info[0]["path"], tmp_path / "photo.jpg")
    return tmp_path


def commands():
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    return re.findall(r"^fashion (.*?)\s*(?:#.*)?$", block, re.MULTILINE)


def test_the_commands_of_the_readme_run_one_after_the_other(folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for command in commands():
        words = shlex.split(command)
        if words[0] == "train":
            words += shlex.split(SHORT)
        process = subprocess.run(
            [sys.executable, "-m", "fashion", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, f"{command}\n{process.stdout}\n{process.stderr}"
    assert list((folder / "predictions").glob("*.jpg"))
    assert (folder / "runs" / "mine" / "best.h5").exists()
    assert (folder / "submission.csv").exists()
