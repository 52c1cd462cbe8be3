"""The light distribution: it holds what needs no Keras, and works where there is none."""

import importlib.util
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from fashion.cli import light_install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    build = ROOT / "packaging" / "runtime" / "build.py"
    done = subprocess.run(
        [sys.executable, str(build), "--out", str(out)], check=True, capture_output=True, text=True
    )
    return Path(done.stdout.strip())


@pytest.mark.slow
def test_the_wheel_holds_what_needs_no_keras(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        required = archive.read(metadata).decode()
    assert {"mrcnn/inference/exported.py", "fashion/commands/submit.py"} <= set(names)
    assert "fashion/labels/imaterialist_2020.json" in names
    assert {"fashion/service/page/app.js", "fashion/web/page.js"} <= set(names)
    assert "Provides-Extra: serve" in required
    assert not [name for name in names if name.startswith(("mrcnn/modeling/", "mrcnn/export/"))]
    assert "onnxruntime" in required
    assert "keras" not in required.lower().partition("\n\n")[0].replace("needs neither keras", "")


def test_what_is_left_out_is_told_from_what_is_broken(monkeypatch):
    assert not light_install.is_light() and not light_install.is_left_out("keras")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "mrcnn.modeling" else found(name)
    )
    assert light_install.is_left_out("keras") and light_install.is_left_out("mrcnn.modeling.build")
    assert not light_install.is_left_out("some_plugin") and not light_install.is_left_out(None)


@pytest.mark.full
def test_a_fresh_environment_predicts_scores_and_submits(
    wheel, tiny_export, sample_folder, tmp_path
):
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", str(wheel)], capture_output=True, text=True
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install: {installed.stderr.strip().splitlines()[-1]}")
    images = str(sample_folder / "images")

    # Nothing but the environment: not this repository.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words):
        command = [python, "-m", "fashion", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=own)

    common = ["--weights", str(tiny_export), "--limit", "2"]
    for words in (
        ["predict", "--images", images, "--out", "p", *common],
        ["evaluate", "--data", str(sample_folder), "--out", "e", *common],
        ["submit", "--images", images, "--out", "s.csv", *common],
    ):
        done = run(*words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "e" / "metrics.json").exists() and (tmp_path / "s.csv").exists()
    for words in (["train"], ["explore"]):
        done = run(*words)
        assert done.returncode == 2 and "pip install fashion-mask-rcnn." in done.stderr
    done = run("serve", "--weights", str(tiny_export))
    assert done.returncode == 2 and "fashion-mask-rcnn-runtime[serve]" in done.stderr
    assert "The light install brings no model" in run("predict", "--images", images).stderr
