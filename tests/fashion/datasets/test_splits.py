import pytest

from fashion.datasets.files import find_data
from fashion.datasets.splits import load_files, load_train_and_val, split_image_ids

IDS = [f"i{k}" for k in range(100)]


def test_a_split_parts_all_images():
    train, val = split_image_ids(IDS, val_fraction=0.1)
    assert len(val) == 10 and sorted(train + val) == sorted(IDS)


def test_a_split_depends_on_the_seed_and_not_on_the_order():
    assert split_image_ids(IDS) == split_image_ids(IDS[::-1] + IDS[:5]) != split_image_ids(IDS, seed=1)


def test_a_split_is_the_same_on_every_machine():
    # By `printf 0:h | sha256sum`: h (17ea…) and f (49f4…) come first of the eight.
    assert split_image_ids("abcdefgh", val_fraction=0.25)[1] == ["f", "h"]


def test_one_more_image_moves_at_most_one_other():
    before, after = set(split_image_ids(IDS)[1]), set(split_image_ids([*IDS, "new"])[1])
    assert len(before - after) <= 1


def test_neither_part_is_empty():
    assert [len(part) for part in split_image_ids("ab", val_fraction=0.01)] == [1, 1]
    assert [len(part) for part in split_image_ids("ab", val_fraction=0.99)] == [1, 1]
    with pytest.raises(ValueError, match="at least 2"):
        split_image_ids("a")
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_image_ids(IDS, val_fraction=10)


def test_wrong_rows_of_both_files_are_told_together(make_folder):
    folder = make_folder(2020)
    text = (folder / "train.csv").read_text()
    (folder / "val.csv").write_text(text + "a,1 2 3,20,14,0,\n")
    (folder / "train.csv").write_text(text + "a,5,20,14,0,\n")
    with pytest.raises(ValueError) as told:
        load_train_and_val(find_data(folder))
    assert "train.csv has 1 row" in str(told.value) and "val.csv has 1 row" in str(told.value)
    assert "--skip-bad" in str(told.value)


def test_attributes_that_2019_gave_by_mistake_are_left_out(make_folder):
    folder = make_folder(2019)
    header, *rows = (folder / "train.csv").read_text().splitlines()
    image_id, runs, height, width, _ = rows[0].split(",")
    (folder / "train.csv").write_text("\n".join([header, f"{image_id},{runs},{height},{width},23_3", *rows[1:]]) + "\n")
    files = find_data(folder)
    dataset = load_files(files, files.train_csv, files.ontology())
    assert dataset.image_class_ids(0)[0] == 24 and not dataset.load_instance_fields(0)["gt_attributes"][0].any()


def test_a_folder_without_val_csv_is_split(make_folder):
    train, val = load_train_and_val(find_data(make_folder(2020)), val_fraction=0.34)
    assert train.num_images == 2 and val.num_images == 1
    assert not {i["id"] for i in train.image_info} & {i["id"] for i in val.image_info}


def test_a_folder_with_val_csv_is_not(make_folder):
    folder = make_folder(2020)
    make_folder.write_csv(folder / "val.csv", make_folder.rows_of(2020)[:1], 2020)
    train, val = load_train_and_val(find_data(folder))
    assert (train.num_images, val.num_images) == (3, 1)
