"""The command: every verb runs in every way it can be called, and what is wrong is told in one
line.
"""

import ast
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fashion.__main__ import VERBS, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def signal_handlers():
    """Puts back the handlers of this process, which the end of a command replaces."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.usefixtures("signal_handlers")
def test_every_verb_runs_as_a_script(verb, monkeypatch, capsys, tmp_path):
    """As `python fashion/verb.py --help` from another folder, but in this process, where the
    imports are made already.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{verb}.py", "--help"])
    monkeypatch.setattr(sys, "path", [str(ROOT / "fashion"), *sys.path])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(ROOT / "fashion" / f"{verb}.py"), run_name="__main__")
    assert done.value.code == 0 and sys.path[0] == f"{ROOT}/"
    assert f"usage: fashion {verb} " in capsys.readouterr().out


# What all begin with is tested above; a process imports all anew.
@pytest.mark.parametrize(
    "verb",
    [
        pytest.param("train", marks=pytest.mark.slow),
        pytest.param("evaluate", marks=pytest.mark.full),
        pytest.param("explore", marks=pytest.mark.full),
    ],
)
def test_verbs_run_as_processes_from_another_folder(verb, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "fashion" / f"{verb}.py"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and f"usage: fashion {verb} " in done.stdout, done.stderr


@pytest.mark.slow
def test_the_package_runs_as_a_command_from_another_folder(tmp_path):
    call = [
        sys.executable,
        "-c",
        f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); "
        "runpy.run_module('fashion', run_name='__main__', alter_sys=True)",
    ]
    done = subprocess.run(
        [*call, "predict", "nothing.jpg"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (
        done.returncode == 2
        and done.stderr.startswith(
            "fashion predict: error: There is no image or folder nothing.jpg. It was looked for in "
        )
        and done.stderr.count("\n") == 1
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_under_the_command(verb, capsys):
    with pytest.raises(SystemExit) as done:
        main([verb, "--help"])
    assert done.value.code == 0 and f"usage: fashion {verb} " in capsys.readouterr().out


def test_the_command_alone_lists_its_verbs(capsys):
    assert main([]) == 2 and main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(printed.count(f"\n  {verb} ") == 2 for verb in VERBS)


def test_an_unknown_verb_is_reported_with_the_nearest_one(capsys):
    assert main(["trian"]) == 2 and main(["xyz"]) == 2
    assert capsys.readouterr().err == (
        "fashion: error: There is no command trian. Did you mean train? See fashion --help.\n"
        "fashion: error: There is no command xyz. See fashion --help.\n"
    )


def test_versions_are_those_of_the_package_of_keras_and_of_its_backend(capsys):
    assert main(["--version"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("fashion-mask-rcnn ") and "\nkeras 3." in printed


def test_every_file_that_can_be_called_is_a_verb():
    """A file that ends in `if __name__ == "__main__"` is a verb and shows how to run it."""
    scripts = {
        path.stem: ast.get_docstring(ast.parse(path.read_text()))
        for path in (ROOT / "fashion").glob("*.py")
        if 'if __name__ == "__main__"' in path.read_text()
    }
    assert set(scripts) - {"__main__"} == set(VERBS)
    assert all(f"    fashion {verb}" in scripts[verb][:200] for verb in VERBS)
    assert not [verb for verb in VERBS if "python fashion/" in scripts[verb]]


def test_no_verb_hides_a_package():
    """A script's own folder comes first on the import path until its first line has run."""
    assert not set(sys.stdlib_module_names) & set(VERBS)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (
            "train --data nowhere",
            "There is no data set nowhere.",
        ),
        (
            "train --data {sample} --set IMAGE_MAX_DIM=100 --set IMAGE_MIN_DIM=64",
            "the nearest sizes that work are 64 and 128.",
        ),
        ("train --data {sample} --stage body", "--stage must be 'all' or one of heads, all."),
        ("train --set IMAGE_SIZE=3", "has no setting 'IMAGE_SIZE'; its display() lists them."),
        ("train --set IMAGES_PER_GPU", "A setting is written KEY=VALUE."),
        ("train --resume --out empty", "There is no run to resume in empty"),
        (
            "train --data {sample} --set STAGES=[3]",
            "A stage is [name, layers, epochs, learning_rate]",
        ),
        ("predict nothing.jpg", "There is no image or folder nothing.jpg."),
        (
            "predict {sample}/images --weights nothing",
            "There is no weight file nothing. Give a run folder",
        ),
        ("predict {sample}/images --weights {sample}", "holds neither best.h5 nor last.h5."),
        (
            "predict {sample}/images --weights {sample}/train.csv",
            "is not a readable .h5 weight file",
        ),
        ("evaluate --weights nothing --data {sample}", "There is no weight file nothing."),
        (
            "submit --images nothing",
            "There is no image or folder nothing.",
        ),
        ("submit --images {sample}", "There are no images ("),
    ],
)
def test_wrong_input_is_told_in_one_line(
    arguments, told, sample_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments.format(sample=sample_folder).split()) == 2
    error = capsys.readouterr().err
    verb = arguments.split()[0]
    assert error.startswith(f"fashion {verb}: error: ") and error.count("\n") == 1 and told in error


def test_a_broken_photo_is_told_in_one_line(loaded_quickly, tiny_run, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    assert (
        main(["predict", str(tmp_path), "--weights", str(tiny_run), "--out", str(tmp_path / "out")])
        == 2
    )
    told = capsys.readouterr().err
    assert told.startswith("fashion predict: error: ") and told.count("\n") == 1
    assert "broken.jpg cannot be read as an image" in told


def test_an_unknown_argument_has_exit_status_2(capsys):
    for arguments in (
        ["train", "--speed", "fast"],
        ["train", "--recipe", "cake"],
        ["submit"],
        ["predict"],
    ):
        with pytest.raises(SystemExit) as done:
            main(arguments)
        assert (
            done.value.code == 2 and f"fashion {arguments[0]}: error: " in capsys.readouterr().err
        )


@pytest.mark.skipif(os.name == "nt", reason="exit statuses of shells")
@pytest.mark.parametrize("unbuffered", ["", "x"])
@pytest.mark.parametrize("words", ["--help", "settings --help", "settings baseline"])
def test_a_reader_that_has_ended_is_no_error(words, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "fashion", *words.split()],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    os.close(writer)
    assert ended.stderr == b""
    assert ended.returncode in (0, 141)  # argparse prints --help whether or not it is read
