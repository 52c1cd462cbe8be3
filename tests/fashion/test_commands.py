"""What the verbs share: data folders, and errors in one line."""
import argparse
import errno
import os

import pytest

from fashion import commands
from fashion.commands import add_data_arguments, add_model_arguments, note_order, open_files, run_verb


@pytest.mark.parametrize("error", [ValueError("too large; use 64"), FileNotFoundError("no such folder"), FileExistsError("in the way"),
                                   PermissionError("not yours"), OSError("cannot be read as an image")])
def test_an_error_is_told_in_one_line(error, capsys):
    def main(argv):
        raise error

    assert run_verb(main, []) == 2
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_full_disk_is_told_with_the_file_where_it_is_known(capsys):
    def main(argv):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *argv)

    assert run_verb(main, ["out/page.html"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: out/page.html could not be written: No space left on device. Make room") and told.count("\n") == 1
    assert run_verb(main, []) == 2
    assert "error: A file could not be written: No space left on device. Make room on the disk" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "told"), [("[", "is no JSON"), ("[]", "must hold a JSON object"), ("{}{", "is no JSON")])
def test_a_damaged_note_of_a_study_is_told(tmp_path, content, told):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ValueError, match=f"study.json {told}"):
        note_order(argparse.Namespace(out=tmp_path, epochs=3), ["epochs"])


def test_a_fault_of_ours_keeps_its_traceback():
    def main(argv):
        raise AttributeError("'NoneType' …")

    with pytest.raises(AttributeError):
        run_verb(main, [])


def test_a_stop_is_no_error(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert run_verb(main, []) == 130
    assert capsys.readouterr().err == "stopped; what was finished is kept\n"


def test_success_is_zero_whatever_a_verb_returns(capsys):
    assert run_verb(lambda argv: argv, ["something"]) == 0


def test_without_data_the_built_in_photos_are_drawn(monkeypatch, tmp_path):
    import fashion.datasets.sample as sample
    drawn = []

    def make_sample(folder):
        drawn.append(folder)
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.jpg").touch()
        (folder / "train.csv").write_text("ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sample, "make_sample", make_sample)
    assert open_files(None).train_csv == commands.SAMPLE_FOLDER / "train.csv" and drawn == [commands.SAMPLE_FOLDER]


def test_verbs_have_the_same_options_with_their_own_score():
    parser = argparse.ArgumentParser()
    add_model_arguments(parser, min_score=0.3)
    add_data_arguments(parser)
    args = parser.parse_args(["--data", "x"])
    assert (args.min_score, args.data, args.skip_bad, args.weights) == (0.3, "x", False, str(commands.SHIPPED_WEIGHTS))
