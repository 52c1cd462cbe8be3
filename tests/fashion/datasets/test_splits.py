import logging

import pytest
from PIL import Image

from fashion.datasets.files import find_data
from fashion.datasets.holding_out import note_of
from fashion.datasets.splits import (
    Split,
    load_as_trained,
    load_files,
    load_held_out,
    load_test,
    load_train_and_val,
    split_image_ids,
)

IDS = [f"i{k}" for k in range(100)]


def test_a_split_parts_all_images():
    train, val = split_image_ids(IDS, val_fraction=0.1)
    assert len(val) == 10 and sorted(train + val) == sorted(IDS)


def test_a_split_depends_on_the_seed_and_not_on_the_order():
    assert (
        split_image_ids(IDS) == split_image_ids(IDS[::-1] + IDS[:5]) != split_image_ids(IDS, seed=1)
    )


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
    (folder / "train.csv").write_text(
        "\n".join([header, f"{image_id},{runs},{height},{width},23_3", *rows[1:]]) + "\n"
    )
    files = find_data(folder)
    dataset = load_files(files, files.train_csv, files.ontology())
    assert (
        dataset.image_class_ids(0)[0] == 24
        and not dataset.load_instance_fields(0)["gt_attributes"][0].any()
    )


def test_a_folder_without_val_csv_is_split(make_folder):
    train, val = load_train_and_val(find_data(make_folder(2020)), split=Split(val_fraction=0.34))
    assert train.num_images == 2 and val.num_images == 1
    assert not {i["id"] for i in train.image_info} & {i["id"] for i in val.image_info}


def test_a_folder_with_val_csv_is_not(make_folder):
    folder = make_folder(2020)
    make_folder.write_csv(folder / "val.csv", make_folder.rows_of(2020)[:1], 2020)
    train, val = load_train_and_val(find_data(folder))
    assert (train.num_images, val.num_images) == (3, 1)


@pytest.fixture
def many(make_folder):
    """Twenty photos p00 … p19 without val.csv; every fourth has category 23 too, and p19 looks as
    p00 does. The others are flat."""
    names = [f"p{i:02d}" for i in range(20)]
    rows = [[name, make_folder.square(0, 0, 5), 0, [3]] for name in names]
    rows += [[name, make_folder.square(6, 6, 5), 23, []] for name in names[::4]]
    folder = make_folder(2020, rows)
    make_folder.write_images(folder / "train", names)
    for name in ("p00", "p19"):
        Image.linear_gradient("L").resize((14, 20)).save(folder / "train" / f"{name}.jpg")
    return folder


def ids(dataset):
    return [info["id"] for info in dataset.image_info]


def test_a_stratified_split_holds_out_some_of_every_category(many):
    for seed in range(5):
        train, val = load_train_and_val(find_data(many), split=Split(seed=seed))
        assert (
            sum(24 in val.image_class_ids(i) for i in val.image_ids) >= 1
            and 2 <= val.num_images <= 3
        )
        assert sorted(ids(train) + ids(val)) == [f"p{i:02d}" for i in range(20)]


def test_near_duplicates_are_on_one_side(many):
    """In one of these splits, photos that look alike are parted unless they are kept together."""

    def parted(**options):
        splits = [Split(fold=(i, 3), seed=seed, **options) for i in (1, 2, 3) for seed in range(3)]
        return any(
            len({"p00", "p19"} & set(ids(load_train_and_val(find_data(many), split=split)[1]))) == 1
            for split in splits
        )

    assert parted(near_duplicates=False) and not parted()


def test_rows_in_another_order_are_split_alike(many):
    for split in (Split(), Split(fold=(2, 3)), Split("random"), Split("random", fold=(1, 3))):
        before = ids(load_train_and_val(find_data(many), split=split)[1])
        header, *rows = (many / "train.csv").read_text().splitlines()
        (many / "train.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
        assert sorted(ids(load_train_and_val(find_data(many), split=split)[1])) == sorted(before)


@pytest.mark.parametrize("kind", ["stratified", "random"])
def test_each_photo_is_held_out_in_one_fold(many, kind):
    held_out = [
        ids(load_train_and_val(find_data(many), split=Split(kind, fold=(i, 4)))[1])
        for i in (1, 2, 3, 4)
    ]
    assert sorted(name for fold in held_out for name in fold) == [f"p{i:02d}" for i in range(20)]
    assert {len(fold) for fold in held_out} <= {4, 5, 6}


def test_the_split_of_before_can_be_asked_for(many):
    train, val = load_train_and_val(find_data(many), split=Split("random"))
    assert (ids(train), ids(val)) == split_image_ids([f"p{i:02d}" for i in range(20)])


def test_a_split_comes_back_from_a_file():
    split = Split("stratified", (2, 5), near_duplicates=False)
    assert Split(**split.to_dict()) == Split(**split.to_dict() | {"fold": [2, 5]}) == split


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"fold": (6, 5)}, "Got 6/5"),
        ({"fold": (1, 1)}, "K at least 2"),
        ({"kind": "best"}, "Got 'best'"),
        ({"kind": "val.csv", "fold": (1, 5)}, "Choose one"),
        ({"val_fraction": 1}, "between 0 and 1"),
    ],
)
def test_a_split_that_cannot_be_is_refused(words, told):
    with pytest.raises(ValueError, match=told):
        Split(**words)


def test_a_model_is_scored_on_the_photos_it_did_not_see(many, make_folder, caplog):
    files = find_data(many)
    ontology = files.ontology()
    noted = Split().to_dict() | {"held_out": ["p03", "p07"]}
    assert ids(load_held_out(files, ontology, noted)) == ["p03", "p07"]
    before = ids(load_held_out(files, ontology))  # of a model from before there was a choice
    assert before == split_image_ids([f"p{i:02d}" for i in range(20)])[1]
    make_folder.write_csv(many / "val.csv", [["p05", make_folder.square(0, 0, 5), 0, []]], 2020)
    files = find_data(many)
    assert (
        ids(load_held_out(files, ontology))
        == ids(load_held_out(files, ontology, Split("val.csv").to_dict()))
        == ["p05"]
    )
    assert ids(load_held_out(files, ontology, noted)) == [
        "p03",
        "p07",
    ]  # though there is a val.csv now
    assert ids(load_held_out(files, ontology, noted | {"held_out": ["elsewhere"]})) == [
        "p05"
    ]  # trained on other data
    train, val = load_as_trained(files, ontology, noted)
    assert (
        ids(val) == ["p03", "p07"]
        and len(ids(train)) == 18
        and set(ids(train)).isdisjoint(ids(val))
    )
    train, val = load_as_trained(files, ontology, noted | {"held_out": ["elsewhere"]})
    assert ids(val) == ["p05"] and len(ids(train)) == 20
    with caplog.at_level(logging.WARNING):
        assert ids(load_held_out(files, ontology, noted | {"held_out": ["p03", "gone"]})) == ["p03"]
    assert "1 of the 2 photos that were held out are not in" in caplog.text


@pytest.mark.parametrize("split", [Split(), Split("random"), Split(fold=(1, 3))])
def test_too_few_photos_are_told_with_the_file_and_what_was_left_out(make_folder, split):
    rows = make_folder.rows_of(2020)
    rows = [[*row[:2], row[2] if row[0] == "a" else 99, row[3]] for row in rows]
    with pytest.raises(
        ValueError,
        match="train.csv cannot be split. .* 1.*left out: 3, the first "
        "in line 3: unknown category 99",
    ):
        load_train_and_val(find_data(make_folder(2020, rows)), split=split, skip_bad=True)


def test_photos_that_are_in_both_files_are_told(make_folder, caplog):
    folder = make_folder(2020)
    make_folder.write_csv(
        folder / "val.csv", [row for row in make_folder.rows_of(2020) if row[0] == "b"], 2020
    )
    load_train_and_val(find_data(folder))
    assert "1 photos are in" in caplog.text and "b for one" in caplog.text


def test_a_model_that_was_trained_with_a_val_csv_that_is_not_there_is_told_of(many, caplog):
    files = find_data(many)
    load_held_out(files, files.ontology(), Split("val.csv").to_dict() | {"held_out": None})
    assert "was trained with a val.csv, and there is none" in caplog.text


def test_a_run_does_not_go_on_with_none_of_its_photos(many):
    with pytest.raises(ValueError, match="0 of the photos that were held out and 20 others"):
        load_train_and_val(find_data(many), split=Split(), held_out=["gone"])


@pytest.mark.parametrize("kind", ["stratified", "random"])
def test_a_test_part_is_neither_trained_nor_validated_on(many, kind):
    files = find_data(many)
    split = Split(kind, val_fraction=0.2, test_fraction=0.2, near_duplicates=False)
    train, val = load_train_and_val(files, split=split)
    noted = note_of(split, val)
    test = load_test(files, files.ontology(), noted)
    parts = [set(ids(part)) for part in (train, val, test)]
    every = set(ids(load_files(files, files.train_csv, files.ontology())))
    assert set.union(*parts) == every and sum(map(len, parts)) == len(every)
    assert len(parts[1]) == len(parts[2]) == round(0.2 * len(every))
    again = load_as_trained(files, files.ontology(), noted)
    assert [ids(part) for part in again] == [ids(train), ids(val)]


def test_without_a_test_part_it_says_how_to_get_one(many):
    files = find_data(many)
    with pytest.raises(ValueError, match="--test-fraction"):
        load_test(files, files.ontology(), {"kind": "random", "test": None})
    with pytest.raises(ValueError, match="Are these the data of the training"):
        load_test(files, files.ontology(), {"kind": "random", "test": ["gone"]})


def test_fractions_leave_something_to_train_on():
    with pytest.raises(ValueError, match="test_fraction"):
        Split(val_fraction=0.5, test_fraction=0.5)
