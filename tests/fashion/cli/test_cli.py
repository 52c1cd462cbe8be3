"""What the verbs share: data folders, and errors in one line."""

import errno
import json
import logging
import os

import pytest

from fashion import cli
from fashion.cli import (
    open_files,
    run_verb,
    without_retracing_warnings,
    working_in,
)
from mrcnn import locks


@pytest.mark.parametrize(
    "error",
    [
        ValueError("too large; use 64"),
        FileNotFoundError("no such folder"),
        FileExistsError("in the way"),
        PermissionError("not yours"),
        OSError("cannot be read as an image"),
    ],
)
def test_an_error_is_told_in_one_line(error, capsys):
    def main(argv):
        raise error

    assert run_verb(main, [], "predict") == 2
    assert capsys.readouterr().err == f"fashion predict: error: {error}\n"


def test_a_full_disk_is_told_with_the_file_where_it_is_known(capsys):
    def main(argv):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *argv)

    assert run_verb(main, ["out/page.html"], "predict") == 2
    told = capsys.readouterr().err
    assert (
        told.startswith(
            "fashion predict: error: out/page.html could not be written: "
            "No space left on device. Make room"
        )
        and told.count("\n") == 1
    )
    assert run_verb(main, [], "predict") == 2
    assert (
        "error: A file could not be written: No space left on device. Make room on the disk"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOENT, "There is no file or folder x.csv."),
        (errno.EACCES, "You have no permission to use x.csv. Change its permissions, or name"),
        (errno.EISDIR, "x.csv is a folder. Expected a file."),
        (errno.EIO, f"x.csv cannot be used: {os.strerror(errno.EIO)}."),
    ],
)
def test_an_error_of_the_system_is_told_without_its_number(number, told, capsys):
    def main(argv):
        raise OSError(number, os.strerror(number), "x.csv")

    assert run_verb(main, [], "predict") == 2
    assert capsys.readouterr().err.startswith(f"fashion predict: error: {told}")


def test_a_fault_of_ours_keeps_its_traceback():
    def main(argv):
        raise AttributeError("'NoneType' …")

    with pytest.raises(AttributeError):
        run_verb(main, [], "predict")


def test_a_stop_is_no_error(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert run_verb(main, [], "predict") == 130
    assert capsys.readouterr().err == "fashion predict: interrupted.\n"


def test_an_interruption_says_how_to_resume_where_that_is_true(capsys):
    def main(argv):
        with cli.resumable():
            raise KeyboardInterrupt

    argv = ["a b.jpg", "--restart", "--out", "x"]
    assert run_verb(main, argv, "predict") == 130
    assert capsys.readouterr().err == (
        "fashion predict: interrupted; finished work is kept. To resume, run: "
        "fashion predict 'a b.jpg' --out x\n"
    )


def test_after_the_resumable_part_an_interruption_promises_nothing(capsys):
    def main(argv):
        with cli.resumable("fashion train --resume"):
            pass
        raise KeyboardInterrupt

    assert run_verb(main, [], "train") == 130
    assert capsys.readouterr().err == "fashion train: interrupted.\n"


def test_a_verb_that_calls_another_is_resumed_by_its_own_command(capsys):
    def main(argv):
        with cli.resumable("fashion study x"):
            with cli.resumable():
                pass
            raise KeyboardInterrupt

    for verb, expected in (("study", "To resume, run: fashion study x"), ("demo", "interrupted.")):
        assert run_verb(main, [], verb) == 130
        assert capsys.readouterr().err.endswith(f"{expected}\n")


def test_success_is_zero_whatever_a_verb_returns(capsys):
    assert run_verb(lambda argv: argv, ["something"], "predict") == 0


def test_without_data_the_built_in_photos_are_drawn(monkeypatch, tmp_path):
    import fashion.datasets.sample as sample

    drawn = []

    def make_sample(folder):
        drawn.append(folder)
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.jpg").touch()
        (folder / "train.csv").write_text(
            "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
        )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sample, "make_sample", make_sample)
    assert open_files(None).train_csv == cli.SAMPLE_FOLDER / "train.csv" and drawn == [
        cli.SAMPLE_FOLDER
    ]


def test_what_a_kill_left_half_written_is_removed_but_not_where_others_work(tmp_path, held):
    names = [f"{folder}.a.writing-abcdef01.json" for folder in ("", "free/", "free/deep/", "busy/")]
    for name in names:
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).touch()
    killed = json.loads(locks._note("fashion train")) | {"pid": 0}
    (tmp_path / "out" / "free" / ".lock").write_text(json.dumps(killed))
    with held(tmp_path / "out" / "busy", "fashion train"):
        (tmp_path / "out" / names[-1]).touch()
        with working_in(tmp_path / "out", "predict"):
            assert [(tmp_path / "out" / name).exists() for name in names] == [
                False,
                True,
                True,
                True,
            ]
        with working_in(tmp_path / "out", "compare", below=True):
            assert [(tmp_path / "out" / name).exists() for name in names] == [
                False,
                False,
                False,
                True,
            ]
            assert (
                not (tmp_path / "out" / "free" / ".lock").exists()
                and (tmp_path / "out" / "busy" / ".lock").exists()
            )


def test_a_folder_in_which_nothing_came_to_lie_is_removed_again(tmp_path):
    with pytest.raises(ValueError), working_in(tmp_path / "new", "predict"):
        raise ValueError("wrong weights")
    assert not (tmp_path / "new").exists()
    with working_in(tmp_path / "new", "predict"):
        (tmp_path / "new" / "a.jpg").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.jpg"]
    (tmp_path / "empty").mkdir()
    with working_in(tmp_path / "empty", "predict"):
        pass
    assert (tmp_path / "empty").exists()


def test_a_second_command_is_told_in_one_line(tmp_path, held, capsys):
    def main(argv):
        with working_in(tmp_path, "mnist"):
            pass

    with held(tmp_path, "fashion segment"):
        assert run_verb(main, [], "predict") == 2
    told = capsys.readouterr().err
    assert (
        told.startswith(f"fashion predict: error: {tmp_path} is in use by fashion segment")
        and told.count("\n") == 1
    )


def test_retracing_warnings_are_hidden_and_others_are_not(caplog):
    logger = logging.getLogger("tensorflow")
    with without_retracing_warnings():
        logger.warning("5 out of the last 5 calls to %s triggered tf.function retracing.", "f")
        logger.warning("something else")
    logger.warning("6 out of the last 6 calls triggered tf.function retracing.")
    assert [record.getMessage()[:9] for record in caplog.records] == ["something", "6 out of "]


def test_the_command_that_runs_is_named_where_it_is_the_one_meant():
    from fashion.cli.interrupts import current_command, running

    assert current_command() == ""
    with running("study", ["ladder"]):
        assert current_command().endswith("ladder") and current_command("evaluate") == ""
        assert current_command("study") == current_command()
