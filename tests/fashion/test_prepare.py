"""prepare: a smaller copy that trains as the original does, taken up again where it broke off."""

import csv
import errno
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion import prepare
from fashion.commands import prepare as body
from fashion.datasets.files import find_data
from fashion.datasets.splits import load_train_and_val
from fashion.formats import rle
from mrcnn.data.image_io import image_hw, read_image
from mrcnn.locks import FolderInUse


@pytest.fixture
def source(sample_folder, tmp_path):
    """The built-in data, 128 x 96, eight photos and four, with three test photos."""
    shutil.copytree(sample_folder, tmp_path / "source", ignore=shutil.ignore_patterns("*.index"))
    (tmp_path / "source" / "test").mkdir(exist_ok=True)
    for i in range(3):
        Image.new("RGB", (90, 60 + i), (i, 99, 99)).save(tmp_path / "source" / "test" / f"t{i}.jpg")
    return tmp_path / "source"


def run(source, *options, workers=1):
    copy = source.parent / "copy"
    return prepare.main(
        [
            "--data",
            str(source),
            "--out",
            str(copy),
            "--workers",
            str(workers),
            "--longest",
            "64",
            *options,
        ]
    )


def contents(folder):
    """{path in the folder: bytes}; index files are whoever's who reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".index")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_copy_is_a_data_set_of_the_same_images_with_smaller_masks(source, capsys):
    copy = run(source)
    for before, after in zip(
        load_train_and_val(find_data(source)), load_train_and_val(find_data(copy)), strict=True
    ):
        assert [info["id"] for info in before.image_info] == [
            info["id"] for info in after.image_info
        ]
        for i in map(int, before.image_ids):
            assert after.load_image(i).shape == (64, 48, 3) and before.image_hw(i) == (128, 96)
            np.testing.assert_array_equal(after.image_class_ids(i), before.image_class_ids(i))
            np.testing.assert_array_equal(
                after.load_instance_fields(i)["gt_attributes"],
                before.load_instance_fields(i)["gt_attributes"],
            )
            (large, _), (small, _) = before.load_mask(i), after.load_mask(i)
            kept = large[1::2, 1::2].any(axis=(0, 1))
            np.testing.assert_array_equal(small[:, :, kept], large[1::2, 1::2][:, :, kept])
            assert (small[:, :, ~kept].sum(axis=(0, 1)) == 1).all()
    files = find_data(copy)
    assert [image_hw(path) for path in sorted(files.test_images_dir.iterdir())] == [
        (42, 64),
        (43, 64),
        (44, 64),
    ]
    assert files.ontology() == find_data(source).ontology()
    shown = capsys.readouterr().out
    assert (
        "15 photos of at most 64 pixels" in shown
        and "saved" in shown
        and "use the original test photos" in shown
    )


@pytest.mark.slow
def test_two_processes_write_what_one_writes(source):
    one = contents(run(source))
    shutil.rmtree(source.parent / "copy")
    assert contents(run(source, workers=2)) == one


def test_a_killed_run_goes_on_and_does_no_photo_twice(source, monkeypatch):
    done, whole, encode = [], contents(run(source)), body.encode_copy
    shutil.rmtree(source.parent / "copy")

    def killed_at_the_sixth(photo, *settings):
        done.append(photo.name)
        if len(done) == 6:
            raise KeyboardInterrupt
        return encode(photo, *settings)

    monkeypatch.setattr(body, "encode_copy", killed_at_the_sixth)
    with pytest.raises(KeyboardInterrupt):
        run(source)
    assert (
        not (source.parent / "copy" / "train.csv").exists()
        and len(list((source.parent / "copy" / "images").iterdir())) == 5
    )
    run(source)
    assert len(done) == 6 + 10 and done.count(done[5]) == 2 and len(set(done)) == 15
    assert contents(source.parent / "copy") == whole


CHANGES = {
    "open",
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.chmod",
    "os.truncate",
    "os.utime",
    "os.rmdir",
}


def killed_at(change, source):
    """Make the copy in a process that is killed before its n-th change to the copy's folder;
    whether it came so far.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left, inside = [change], str(source.parent / "copy")

    def count(event, arguments):
        if event in CHANGES and any(str(path).startswith(inside) for path in arguments[:2]):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(count)
        sys.stdout = sys.stderr = open(os.devnull, "w")
        run(source)
    finally:
        os._exit(0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process is forked and killed as on Linux")
def test_whenever_it_is_killed_it_ends_as_an_unbroken_one_and_leaves_nothing_else(source):
    whole = contents(run(source))
    changes = 0
    while True:
        shutil.rmtree(source.parent / "copy")
        changes += 3 if changes < 30 else 13  # those of photos are alike
        was_killed = killed_at(changes, source)
        assert contents(run(source)) == whole, f"killed before change {changes}"
        if not was_killed:
            break
    assert changes > 60
    for change in range(1, 40, 9):  # the second start of a copy that is complete must not harm it
        killed_at(change, source)
        left = {
            path: data
            for path, data in contents(source.parent / "copy").items()
            if not Path(path).name.startswith(".")
        }
        assert left == whole, f"killed before change {change}"


def test_a_full_disk_is_told_with_the_file(source, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    whole, replace = contents(run(source)), os.replace
    for name in ("prepared.json", "t1.jpg", "label_descriptions.json", "val.csv"):
        shutil.rmtree(source.parent / "copy")
        with monkeypatch.context() as patch:
            patch.setattr(
                os,
                "replace",
                lambda old, new, name=name: full() if new.name == name else replace(old, new),
            )
            with pytest.raises(
                OSError,
                match=f"{name} could not be written: No space left on device.* Make room on the "
                "disk",
            ):
                run(source)
        assert contents(run(source)) == whole


def test_a_second_command_in_the_folder_is_told(source, held):
    with (
        held(source.parent / "copy", "fashion prepare"),
        pytest.raises(FolderInUse, match="copy is in use by fashion prepare"),
    ):
        run(source)


def test_a_copy_among_the_photos_is_refused_and_leaves_nothing_there(source):
    before = contents(source)
    with pytest.raises(ValueError, match="lies where the photos are"):
        prepare.main(["--data", str(source), "--out", str(source / "images" / "copy")])
    assert contents(source) == before and not (source / "images" / "copy").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty; expected a JSON object"),
        ("[]", "must hold a JSON object"),
        ("{}", "was started with other arguments"),
    ],
)
def test_a_record_that_was_damaged_is_told(source, content, told):
    copy = run(source)
    (copy / "prepared.json").write_text(content)
    with pytest.raises(ValueError, match=told):
        run(source)


def test_one_that_is_finished_stays_as_it_is(source, monkeypatch):
    whole = contents(run(source))
    monkeypatch.setattr(body, "encode_copy", lambda *_: pytest.fail("copied again"))
    assert contents(run(source)) == whole


def test_broken_photos_are_all_named_and_skip_bad_leaves_them_out(source, monkeypatch, capsys):
    names = [info["path"] for info in load_train_and_val(find_data(source))[0].image_info][1:3]
    loaded = body.load

    def then_break(*arguments):
        datasets = loaded(*arguments)
        for name in (
            *names,
            source / "test" / "t1.jpg",
        ):  # behind the back of the first look at every photo
            with open(name, "r+b") as file:
                file.truncate(300)
        monkeypatch.setattr(body, "load", lambda *_: datasets)
        return datasets

    monkeypatch.setattr(body, "load", then_break)
    with pytest.raises(ValueError, match="cannot be copied: 3, see above"):
        run(source)
    told = capsys.readouterr().err
    assert all(str(name) in told for name in names) and "t1.jpg cannot be read" in told
    assert (
        not (source.parent / "copy" / "train.csv").exists()
        and not (source.parent / "copy" / "test" / "t1.jpg").exists()
    )
    copy = run(source, "--skip-bad")
    assert len(load_train_and_val(find_data(copy))[0].image_ids) == 6
    assert (copy / "test" / "t1.jpg").read_bytes() == (source / "test" / "t1.jpg").read_bytes()
    assert "broken photos: 3" in capsys.readouterr().out


def test_bad_rows_of_both_files_are_named(source):
    for name in ("train.csv", "val.csv"):
        lines = (source / name).read_text().splitlines()
        image_id, _, rest = lines[1].split(",", 2)
        (source / name).write_text(
            "\n".join([lines[0], f"{image_id},1 2 3,{rest}", *lines[2:]]) + "\n"
        )
    with pytest.raises(ValueError, match="(?s)train.csv has 1 row.*odd number.*val.csv has 1 row"):
        run(source)
    assert not (source.parent / "copy").exists()
    before, after = (
        len(list(csv.reader(open(folder / "train.csv"))))
        for folder in (source, run(source, "--skip-bad"))
    )
    assert after == before - 1


def test_a_small_mask_is_kept_as_a_pixel_and_told(source, capsys):
    with open(source / "train.csv", newline="") as file:
        rows = list(csv.reader(file))
    rows[1][1] = rle.encode(
        np.arange(128 * 96).reshape(128, 96) == 0
    )  # pixel (0, 0); the copy shows (1, 1), (1, 3), …
    with open(source / "train.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    copy = run(source)
    with open(copy / "train.csv", newline="") as file:
        assert list(csv.reader(file))[1][:4] == [rows[1][0], "1 1", "64", "48"]
    assert "smaller than a pixel of the copy and kept as one" in capsys.readouterr().out


def test_a_limit_beyond_all_photos_copies_everything_as_it_is(source, capsys):
    copy = prepare.main(
        [
            "--data",
            str(source),
            "--out",
            str(source.parent / "copy"),
            "--workers",
            "1",
            "--longest",
            "2048",
        ]
    )
    for path in ("train.csv", "val.csv", *(f"test/t{i}.jpg" for i in range(3))):
        assert (copy / path).read_bytes() == (source / path).read_bytes(), path
    assert "original test photos" not in capsys.readouterr().out
    photo = next((source / "images").iterdir())
    np.testing.assert_array_equal(read_image(copy / "images" / photo.name), read_image(photo))


@pytest.mark.parametrize(
    "option,value", [("--longest", "0"), ("--quality", "101"), ("--workers", "0")]
)
def test_settings_that_cannot_be_are_refused(source, option, value, capsys):
    with pytest.raises(SystemExit):
        run(source, option, value)
    assert f"error: {option} must be a whole number from 1 to " in capsys.readouterr().err
