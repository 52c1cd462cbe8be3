"""submit: files that the server accepts, resumed after a kill, with one photo in memory."""

import errno
import os
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fashion import submit
from fashion.cli import chosen_model
from fashion.commands import submit as body
from fashion.evaluation.thresholds.files import write_thresholds
from fashion.evaluation.thresholds.table import CategoryThresholds, Thresholds
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in
from fashion.submission.checker import check
from mrcnn.files import digest_of
from mrcnn.locks import FolderInUse
from mrcnn.weights.layer_files import save_weights

SIZES = {"aa": (70, 50), "bb": (40, 90), "cc": (64, 64), "dd": (90, 60)}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "test"
    path.mkdir()
    for i, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(
            np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
        ).save(path / f"{name}.jpg")
    return path


@pytest.fixture
def seen(loaded_quickly, tiny_model, monkeypatch):
    """The sizes of the photos that the model is shown. In "cc" it sees nothing."""
    shown = []

    def stream(photos):
        for result in tiny_model.stream(photos):
            shown.append(result["image_hw"])
            if result["image_hw"] == SIZES["cc"]:
                result = {
                    k: v if k in ("image_hw", "convention") else v[:0] for k, v in result.items()
                }
            yield result

    monkeypatch.setattr(
        chosen_model,
        "load_model",
        lambda path, **_: SimpleNamespace(
            stream=stream, ontology=tiny_model.ontology, config=tiny_model.config
        ),
    )
    return shown


@pytest.mark.parametrize("year", [2019, 2020])
def test_the_file_passes_the_check_of_its_year(
    year, folder, tiny_run, seen, tiny_model, tmp_path, capsys
):
    path = submit.main(
        [
            "--weights",
            str(tiny_run),
            "--images",
            str(folder),
            "--format",
            str(year),
            "--out",
            str(tmp_path / "s.csv"),
        ]
    )
    ending = ".jpg" if year == 2019 else ""
    assert (
        check(
            path,
            {name + ending: size for name, size in SIZES.items()},
            year,
            Ontology.official(year),
        )
        == []
    )
    rows = path.read_text().splitlines()
    assert [row for row in rows if row.startswith("cc")] == [
        f"cc{ending},1 1,23" + "," * (year == 2020)
    ]
    assert len(rows) > 1 + len(SIZES)
    assert f"4 images, checked, format {year}; peak memory" in capsys.readouterr().out


def test_a_photo_that_exif_turns_is_seen_upright_and_has_masks_of_that_size(
    folder, tiny_run, seen, tmp_path, caplog
):
    with Image.open(folder / "bb.jpg") as photo:
        exif = photo.getexif()
        exif[0x0112] = 6
        photo.save(folder / "bb.jpg", exif=exif)
    path = submit.main(
        ["--weights", str(tiny_run), "--images", str(folder), "--out", str(tmp_path / "s.csv")]
    )
    assert seen == [(70, 50), (90, 40), (64, 64), (90, 60)]
    assert check(path, SIZES | {"bb": (90, 40)}, 2020, Ontology.official(2020)) == []
    assert caplog.text.count("EXIF orientation") == 1 and "1 photos have" in caplog.text


def test_two_photos_of_one_name_are_refused(folder, tmp_path):
    Image.new("RGB", (9, 9)).save(folder / "aa.webp")
    arguments = ["--weights", "none", "--images", str(folder), "--out", str(tmp_path / "s.csv")]
    with pytest.raises(
        ValueError, match="aa.jpg and aa.webp are the same photo 'aa' in a submission of 2020"
    ):
        submit.main(arguments)


def test_a_photo_that_cannot_be_read_has_the_row_of_one_without_objects(
    folder, tiny_run, seen, tmp_path, capsys
):
    (folder / "bb.jpg").write_bytes((folder / "bb.jpg").read_bytes()[:400])
    (folder / "dd.jpg").write_bytes(b"no photo at all")
    path = submit.main(
        ["--weights", str(tiny_run), "--images", str(folder), "--out", str(tmp_path / "s.csv")]
    )
    rows = path.read_text().splitlines()
    assert {"bb,1 1,23,", "dd,1 1,23,"} <= set(rows) and any(row.startswith("aa,") for row in rows)
    assert capsys.readouterr().err.count("unreadable, so submitted without objects: ") == 2


def test_a_broken_submission_goes_on_where_it_stopped(
    folder, tiny_run, seen, tiny_model, tmp_path, monkeypatch
):
    arguments = ["--weights", str(tiny_run), "--images", str(folder), "--out"]
    whole = submit.main([*arguments, str(tmp_path / "whole.csv")]).read_bytes()
    seen.clear()
    stream = chosen_model.load_model(tiny_run).stream

    def broken(photos):
        for count, result in enumerate(stream(photos)):
            if count == 3:
                raise KeyboardInterrupt
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(
            chosen_model,
            "load_model",
            lambda path, **_: SimpleNamespace(
                stream=broken, ontology=tiny_model.ontology, config=tiny_model.config
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            submit.main([*arguments, str(tmp_path / "broken.csv")])
    assert not (tmp_path / "broken.csv").exists()
    seen.clear()
    assert submit.main([*arguments, str(tmp_path / "broken.csv")]).read_bytes() == whole
    assert seen == [SIZES["cc"], SIZES["dd"]]  # the last finished one again, then the missing one


def test_other_weights_of_the_same_name_do_not_continue_a_file(
    folder, tiny_run, seen, tiny_model, tmp_path
):
    arguments = [
        "--weights",
        str(tmp_path / "run"),
        "--images",
        str(folder),
        "--out",
        str(tmp_path / "s.csv"),
    ]
    save_weights(tiny_model.detector, tmp_path / "run" / "best.h5", metadata={"epoch": 1})
    before = digest_of(checkpoint_in(tmp_path / "run"))
    submit.main(arguments)
    (tmp_path / "s.csv").rename(tmp_path / "s.csv.partial")
    settings = {"settings": {"weights": before}}
    (tmp_path / "s.csv.partial.json").write_text(str(settings).replace("'", '"'))
    save_weights(tiny_model.detector, tmp_path / "run" / "best.h5", metadata={"epoch": 2})
    with pytest.raises(ValueError, match="weights: best.h5 .* there, best.h5 .* here"):
        submit.main(arguments)
    assert submit.main([*arguments, "--restart"]).exists()


def test_other_settings_beside_the_weights_do_not_continue_a_file(
    folder, tiny_run, loaded_quickly, tiny_model, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    save_weights(tiny_model.detector, run / "best.h5", metadata=tiny_model.metadata())
    monkeypatch.setattr(chosen_model, "load_model", lambda *_, **__: tiny_model)
    words = ["--weights", str(run), "--images", str(folder), "--out", str(tmp_path / "s.csv")]
    stream = tiny_model.stream

    def stopped(photos):
        for count, result in enumerate(stream(photos)):
            if count == 2:
                raise KeyboardInterrupt
            yield result

    monkeypatch.setattr(tiny_model, "stream", stopped)
    with pytest.raises(KeyboardInterrupt):
        submit.main(words)
    monkeypatch.setattr(tiny_model, "stream", stream)
    (run / "best.settings.json").write_text('{"DETECTION_MASK_CERTAINTY": 1.0}')
    with pytest.raises(ValueError, match="other settings .*settings: .* there, .*CERTAINTY"):
        submit.main(words)
    (run / "best.settings.json").unlink()
    assert submit.main(words).exists()


def test_the_folder_must_hold_photos(tmp_path, tiny_run):
    with pytest.raises(FileNotFoundError, match="There is no image or folder"):
        submit.main(["--weights", str(tiny_run), "--images", str(tmp_path / "none")])
    with pytest.raises(FileNotFoundError, match="There are no images"):
        submit.main(["--weights", str(tiny_run), "--images", str(tmp_path)])


def test_where_the_system_does_not_tell_its_memory_nothing_is_said(monkeypatch):
    assert body.peak_memory().startswith("; peak memory ") or sys.platform == "win32"
    monkeypatch.setitem(sys.modules, "resource", None)
    assert body.peak_memory() == ""


@pytest.mark.slow
def test_large_photos_need_the_memory_of_one(tiny_run, loaded_quickly, tmp_path):
    """Three photos of 6000 x 4000 pixels, 72 MB each; ten masks of that size would be 240 MB."""
    (tmp_path / "test").mkdir()
    for name in "abc":
        Image.new("RGB", (6000, 4000), (90, 120, 60)).save(tmp_path / "test" / f"{name}.jpg")
    tracemalloc.start()
    try:
        submit.main(
            [
                "--weights",
                str(tiny_run),
                "--images",
                str(tmp_path / "test"),
                "--out",
                str(tmp_path / "s.csv"),
            ]
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * 72e6, f"{peak / 1e6:.0f} MB"


def test_thresholds_of_a_file_decide_what_is_submitted(
    folder, tiny_run, seen, tiny_model, tmp_path
):
    """All is found at once in photo "aa"; with one detection per photo and a category switched off
    little is left.
    """
    loose, strict = (
        Thresholds(score=0.03, attribute=1.01),
        Thresholds(score=0.03, attribute=0.0, detections_per_photo=1),
    )
    rows = {}
    for name, thresholds in (("loose", loose), ("strict", strict)):
        write_thresholds(tmp_path / f"{name}.json", thresholds)
        path = submit.main(
            [
                "--weights",
                str(tiny_run),
                "--images",
                str(folder),
                "--thresholds",
                str(tmp_path / f"{name}.json"),
                "--out",
                str(tmp_path / f"{name}.csv"),
            ]
        )
        rows[name] = [row.split(",", 3) for row in path.read_text().splitlines()[1:]]
        assert check(path, SIZES, 2020, Ontology.official(2020)) == []
    assert len(rows["loose"]) > len(rows["strict"]) == len(SIZES)
    assert all(row[3] == "" for row in rows["loose"])
    carrying = [
        row
        for row in rows["strict"]
        if tiny_model.ontology.carries_attributes(int(row[2])) and row[1] != "1 1"
    ]
    assert all(row[3].count(",") == tiny_model.ontology.num_attributes - 1 for row in carrying)

    first = rows["loose"][0]
    category = int(first[2])
    names = dict(zip(tiny_model.ontology.category_ids, tiny_model.ontology.category_names))
    write_thresholds(
        tmp_path / "off.json",
        Thresholds(
            score=0.03, categories={category: CategoryThresholds(names[category], on=False)}
        ),
    )
    path = submit.main(
        [
            "--weights",
            str(tiny_run),
            "--images",
            str(folder),
            "--thresholds",
            str(tmp_path / "off.json"),
            "--out",
            str(tmp_path / "off.csv"),
        ]
    )
    assert category not in {
        int(row.split(",", 3)[2]) for row in path.read_text().splitlines()[1:] if ",1 1," not in row
    }
    write_thresholds(
        tmp_path / "foreign.json",
        Thresholds(categories={category: CategoryThresholds("umbrella hat")}),
    )
    with pytest.raises(
        ValueError, match=r"foreign.json has thresholds of category .*umbrella hat.*which here is"
    ):
        submit.main(
            [
                "--weights",
                str(tiny_run),
                "--images",
                str(folder),
                "--thresholds",
                str(tmp_path / "foreign.json"),
                "--out",
                str(tmp_path / "foreign.csv"),
            ]
        )


def test_thresholds_of_other_scores_are_told(folder, tiny_run, seen, tmp_path, caplog):
    write_thresholds(tmp_path / "t.json", Thresholds(score=0.03), tuning={"rescored": True})
    words = [
        "--weights",
        str(tiny_run),
        "--images",
        str(folder),
        "--thresholds",
        str(tmp_path / "t.json"),
        "--out",
    ]
    submit.main([*words, str(tmp_path / "a.csv")])
    assert "was searched with --rescore, so its thresholds belong to other scores" in caplog.text
    caplog.clear()
    write_thresholds(tmp_path / "t.json", Thresholds(score=0.03), tuning={"rescored": False})
    submit.main([*words, str(tmp_path / "b.csv")])
    assert "searched" not in caplog.text


def test_a_full_disk_is_told_and_the_submission_goes_on_when_there_is_space(
    folder, tiny_run, seen, tmp_path, monkeypatch
):
    arguments = ["--weights", str(tiny_run), "--images", str(folder), "--out"]
    whole = submit.main([*arguments, str(tmp_path / "whole.csv")]).read_bytes()
    fsync, written = os.fsync, []

    def full_at_the_third(handle):
        written.append(handle)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_at_the_third)
        with pytest.raises(
            OSError,
            match="s.csv.partial could not be written: No space left on device. Make room on the "
            "disk",
        ):
            submit.main([*arguments, str(tmp_path / "s.csv")])
    assert submit.main([*arguments, str(tmp_path / "s.csv")]).read_bytes() == whole


def test_a_second_command_for_one_file_is_told_and_another_file_is_free(
    folder, tiny_run, seen, tmp_path, held
):
    arguments = ["--weights", str(tiny_run), "--images", str(folder), "--out"]
    with held(tmp_path / ".s.csv.lock", "fashion submit"):
        with pytest.raises(FolderInUse, match=r"s.csv is being written already: .*fashion submit"):
            submit.main([*arguments, str(tmp_path / "s.csv")])
        assert submit.main([*arguments, str(tmp_path / "other.csv")]).exists()
    assert submit.main([*arguments, str(tmp_path / "s.csv")]).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "s.csv", "test"]


@pytest.mark.slow
def test_a_strip_without_a_canvas_is_submitted_without_objects_by_its_name(
    folder, tiny_run, loaded_quickly, tiny_model, tmp_path, capsys, monkeypatch
):
    Image.fromarray(np.zeros((3, 5000, 3), np.uint8)).save(folder / "strip.png")
    monkeypatch.setattr(tiny_model.config, "IMAGE_RESIZE_MODE", "pad64")
    monkeypatch.setattr("mrcnn.data.resize.MAX_ENLARGED", 1_000_000)
    path = submit.main(
        ["--weights", str(tiny_run), "--images", str(folder), "--out", str(tmp_path / "s.csv")]
    )
    assert "strip," in path.read_text()
    told = capsys.readouterr().err
    assert (
        "unreadable, so submitted without objects: " in told and "strip.png: A photo of 3 x" in told
    )


def test_an_output_that_is_a_folder_is_refused_before_the_work(folder, tiny_run, loaded_quickly):
    with pytest.raises(OSError, match="test is a folder. --out names the file"):
        submit.main(["--weights", str(tiny_run), "--images", str(folder), "--out", str(folder)])
    assert loaded_quickly == {} and len(list(folder.parent.iterdir())) == 1
