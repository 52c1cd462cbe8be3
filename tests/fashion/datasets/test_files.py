import json

import pytest

from fashion.datasets.files import find_data, list_images
from fashion.labels.ontology import official


@pytest.mark.parametrize("year", [2019, 2020])
def test_kaggles_layout_is_found(make_folder, year):
    folder = make_folder(year)
    make_folder.write_images(folder / "test", ["t"])
    files = find_data(str(folder))
    assert (files.train_csv, files.images_dir, files.year) == (
        folder / "train.csv",
        folder / "train",
        year,
    )
    assert files.val_csv is None and files.test_images_dir == folder / "test"
    assert files.ontology() is official(year)


def test_a_folder_of_our_own_layout_is_found(make_folder):
    folder = make_folder(2020)
    (folder / "train").rename(folder / "images")
    make_folder.write_csv(folder / "val.csv", make_folder.rows_of(2020), 2020)
    (folder / "label_descriptions.json").write_text(
        json.dumps({"categories": [{"id": 4, "name": "jacket"}]})
    )
    files = find_data(folder)
    assert files.images_dir == folder / "images" and files.val_csv == folder / "val.csv"
    assert files.test_images_dir is None
    assert files.ontology().category_names == ("jacket",)


def test_ccp_is_found(ccp_folder):
    files = find_data(ccp_folder)
    assert files.year == 2020 and files.val_csv and len(list_images(files.images_dir)) == 803
    assert len(files.ontology().category_ids) == 24


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="There is no data folder .*Expected a folder with train.csv"
    ):
        find_data(tmp_path / "none")


def test_missing_files_are_said_with_what_is_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="It contains: nothing"):
        find_data(tmp_path)
    (tmp_path / "train.csv.zip").touch()
    with pytest.raises(
        FileNotFoundError,
        match="No train.csv.*Unpack train.csv.zip there first.*contains: train.csv.zip",
    ):
        find_data(tmp_path)


def test_a_folder_one_too_high_is_noticed(make_folder):
    folder = make_folder(2020)
    with pytest.raises(FileNotFoundError, match="is that the folder you mean"):
        find_data(folder.parent)


def test_missing_photos_are_said(make_folder):
    folder = make_folder(2020)
    for path in (folder / "train").iterdir():
        path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"looked for photos .* in train/ .* and in images/"
    ):
        find_data(folder)
