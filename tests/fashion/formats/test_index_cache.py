import json
import logging
import os

import numpy as np
import pytest

from fashion.formats import index_cache
from fashion.formats.index_cache import (
    FOLDER_VARIABLE,
    all_indexes,
    file_key,
    index_places,
    is_index_of_files,
    keep_index,
    open_index,
    remember,
    write_index,
)

ARRAYS = {
    "rows": np.arange(6, dtype=np.int32).reshape(3, 2),
    "none": np.zeros((0, 4), np.int64),
    "some": np.array([True, False]),
}
FACTS = {"ids": ["a", "ü"], "year": 2020}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The user's folder, and no variable set."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "data" / "train.csv"
    path.parent.mkdir()
    path.write_text("abc")
    return path


class Counting:
    """A `compute` that counts how often it was asked."""

    asked = 0

    def __call__(self):
        self.asked += 1
        return FACTS, ARRAYS


def test_facts_and_arrays_come_back_as_they_were(tmp_path):
    write_index(tmp_path / "x.index", FACTS, ARRAYS)
    index = open_index(tmp_path / "x.index")
    assert index.facts == FACTS and list(index.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert index.arrays[name].dtype == array.dtype and not index.arrays[name].flags.writeable
        np.testing.assert_array_equal(index.arrays[name], array)


def test_arrays_are_the_files_bytes_and_start_at_multiples_of_64(tmp_path):
    write_index(tmp_path / "x.index", FACTS, ARRAYS)
    content = (tmp_path / "x.index").read_bytes()
    assert content.index(ARRAYS["rows"].tobytes()) % 64 == 0
    base = open_index(tmp_path / "x.index").arrays["rows"]
    while isinstance(base, np.ndarray):
        base, array = base.base, base
    assert isinstance(array, np.memmap)


def test_the_same_content_has_the_same_digest_and_another_one_is_not_opened(tmp_path):
    for name in "xy":
        write_index(tmp_path / name, FACTS, ARRAYS)
    digest = open_index(tmp_path / "x").digest
    assert open_index(tmp_path / "y", digest).facts == FACTS
    write_index(tmp_path / "y", FACTS | {"year": 2019}, ARRAYS)
    assert (
        open_index(tmp_path / "y", digest) is None
        and open_index(tmp_path / "y").facts["year"] == 2019
    )


def test_a_file_with_a_changed_byte_or_one_that_is_cut_off_counts_as_none(tmp_path):
    path = tmp_path / "x"
    write_index(path, FACTS, {"a": ARRAYS["some"]})
    whole = path.read_bytes()
    for k in [
        *range(60),
        *range(60, len(whole), 5),
    ]:  # all of the first line and the length, and a fifth of the rest
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
        assert open_index(path) is None
        path.write_bytes(whole[:k])
        assert open_index(path) is None
    path.write_bytes(whole)
    assert open_index(path).facts == FACTS


def test_an_index_of_another_version_counts_as_none(tmp_path, monkeypatch):
    write_index(tmp_path / "x", FACTS, ARRAYS)
    monkeypatch.setattr(index_cache, "_FIRST", b"fashion index 1 ")
    assert open_index(tmp_path / "x") is None


def forged(path, table, facts=FACTS, data=bytes(range(64)) * 4):
    """An index file with a right digest and any table of arrays."""
    text = json.dumps({"facts": facts, "arrays": table}).encode()
    text += b" " * (-(index_cache._HEAD + 8 + len(text)) % 64)
    pieces = [len(text).to_bytes(8, "little"), text, data]
    path.write_bytes(index_cache._first_line(index_cache._digest(*pieces)) + b"".join(pieces))
    return path


@pytest.mark.parametrize(
    "entry",
    [
        ["|O8", [4], 0],
        ["|V8", [4], 0],
        ["<U4", [4], 0],
        ["|S8", [4], 0],
        ["<M8[ns]", [4], 0],
        ["<c16", [4], 0],
        ["O", [4], 0],
        ["i4,O", [1], 0],
        [[["a", "|O8"]], [1], 0],
        [{"names": ["a"], "formats": ["O"]}, [1], 0],
        [None, [4], 0],
        [8, [4], 0],
        ["<i8", [4], -64],
        ["<i8", [4], 8],
        ["<i8", [33], 0],
        ["<i8", [4], 256],
        ["<i8", [-1], 0],
        ["<i8", [-1, -4], 0],
        ["<i8", [2**62, 4], 0],
        ["<i8", [0, 2**70], 0],
        ["<i8", [2.0], 0],
        ["<i8", [True], 0],
        ["<i8", 4, 0],
        ["<i8", "4", 0],
        ["<i8", [4], "0"],
        ["<i8", [4]],
        ["<i8", [1] * 65, 0],
        5,
        None,
    ],
)
def test_arrays_of_other_types_shapes_and_places_than_are_written_count_as_none(tmp_path, entry):
    assert open_index(forged(tmp_path / "x", {"a": ["<i8", [4], 64]})).arrays["a"].shape == (4,)
    assert open_index(forged(tmp_path / "x", {"a": ["<i8", [4], 64], "b": entry})) is None


@pytest.mark.parametrize(("table", "facts"), [([], FACTS), ({}, []), ({}, None), (None, FACTS)])
def test_a_table_or_facts_that_are_no_objects_count_as_none(tmp_path, table, facts):
    assert open_index(forged(tmp_path / "x", table, facts)) is None


def test_json_that_is_nested_too_deeply_counts_as_none(tmp_path):
    text = b'{"facts": ' + b"[" * 200_000
    pieces = [len(text).to_bytes(8, "little"), text]
    (tmp_path / "x").write_bytes(
        index_cache._first_line(index_cache._digest(*pieces)) + b"".join(pieces)
    )
    assert open_index(tmp_path / "x") is None


def test_only_arrays_of_numbers_are_written(tmp_path):
    with pytest.raises(TypeError, match="arrays of numbers. Got a of object"):
        write_index(tmp_path / "x", {}, {"a": np.array([None])})


def test_an_index_that_is_not_sound_for_who_reads_it_is_made_anew(csv):
    compute = Counting()
    for asked in (1, 2, 3):
        remember(csv, "rows", [1], compute, is_valid=lambda index: False)
        assert compute.asked == asked
    remember(csv, "rows", [1], compute, is_valid=lambda index: "rows" in index.arrays)
    assert compute.asked == 3


def test_what_is_kept_of_files_has_a_row_for_each_name(tmp_path):
    columns = {"a": (np.int64, (2,))}
    for facts, array, good in (
        ({"names": ["x"]}, np.zeros((1, 2), int), True),
        ({"names": ["x"]}, np.zeros((2, 2), int), False),
        ({"names": [1]}, np.zeros((1, 2), int), False),
        ({}, np.zeros((1, 2), int), False),
        ({"names": ["x"]}, np.zeros((1, 2)), False),
        ({"names": ["x"]}, np.zeros(1, int), False),
    ):
        write_index(tmp_path / "x", facts, {"a": array})
        assert is_index_of_files(open_index(tmp_path / "x"), columns) is good
    write_index(tmp_path / "x", {"names": ["x"]}, {"b": np.zeros((1, 2), int)})
    assert not is_index_of_files(open_index(tmp_path / "x"), columns)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"PK\3\4 a zip file of somebody else's, longer than the first line of an index file " * 9,
    ],
)
def test_what_is_no_index_file_counts_as_none(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    assert open_index(tmp_path / "x") is None and open_index(tmp_path) is None


def test_an_answer_is_found_out_once(csv):
    compute = Counting()
    for _ in range(3):
        index = remember(csv, "rows", [1], compute)
        assert index.facts["ids"] == ["a", "ü"] and index.arrays["rows"].tolist() == [
            [0, 1],
            [2, 3],
            [4, 5],
        ]
    assert compute.asked == 1


@pytest.mark.parametrize("change", ["size", "time", "content"])
def test_a_changed_file_is_looked_at_again_and_its_index_is_replaced(csv, change):
    compute, status = Counting(), os.stat(csv)
    remember(csv, "rows", [1], compute)
    csv.write_text({"size": "abcd", "time": "abc", "content": "abd"}[change])
    os.utime(csv, ns=(0, status.st_mtime_ns + (change == "time")))
    for _ in range(2):
        remember(csv, "rows", [1], compute)
    assert compute.asked == 2 and len(list(csv.parent.iterdir())) == 2


def test_other_settings_have_an_index_of_their_own(csv):
    compute = Counting()
    for settings in ([1], [2], [1], [2]):
        remember(csv, "rows", settings, compute)
    assert compute.asked == 2 and len(list(csv.parent.glob("train.csv.rows-*.index"))) == 2


def test_a_broken_index_is_made_anew(csv):
    compute = Counting()
    path = remember(csv, "rows", [1], compute).path
    path.write_bytes(path.read_bytes()[:-1])
    assert remember(csv, "rows", [1], compute).facts["ids"] == FACTS["ids"] and compute.asked == 2
    assert open_index(path) is not None


def test_of_a_file_up_to_256_kB_every_byte_counts(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(1 << 18))
    status, key = os.stat(path), file_key(path)
    for k in np.linspace(0, (1 << 18) - 1, 41, dtype=int):
        changed = bytearray(1 << 18)
        changed[k] = 1
        path.write_bytes(changed)
        os.utime(path, ns=(0, status.st_mtime_ns))
        assert {name for name, value in file_key(path).items() if value != key[name]} == {"sample"}


def test_an_index_lies_beside_its_file_or_where_the_variable_says(csv, tmp_path, monkeypatch):
    assert remember(csv, "rows", [], Counting()).path.parent == csv.parent
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "moved" / "here"))
    compute = Counting()
    assert (
        remember(csv, "rows", [], compute).path.parent == csv.parent and compute.asked == 0
    )  # what is there already is used
    assert remember(csv, "rows", [1], compute).path.parent == tmp_path / "moved" / "here"


def test_a_write_protected_folder_keeps_its_content_and_an_index_in_it_is_read(csv, home):
    beside = remember(csv, "rows", [1], Counting()).path
    csv.parent.chmod(0o555)
    compute = Counting()
    assert remember(csv, "rows", [1], compute).path == beside and compute.asked == 0
    assert remember(csv, "rows", [2], compute).path.parent == home / ".cache" / "fashion-mask-rcnn"
    assert (
        remember(csv, "rows", [2], compute)
        and compute.asked == 1
        and len(list(csv.parent.iterdir())) == 2
    )
    csv.parent.chmod(0o755)


def test_files_of_one_name_in_several_folders_do_not_share_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert len({index_places(tmp_path / folder / "train.csv", "rows")[0] for folder in "abc"}) == 3
    monkeypatch.chdir(tmp_path)
    assert index_places("a/train.csv", "rows") == index_places(
        tmp_path / "b" / ".." / "a" / "train.csv", "rows"
    )


def test_where_nothing_can_be_written_the_answer_is_returned_with_a_warning(
    csv, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv(FOLDER_VARIABLE, str(csv))  # a file, no folder
    csv.parent.chmod(0o555)
    with caplog.at_level(logging.WARNING):
        index = remember(csv, "rows", [1], Counting())
    csv.parent.chmod(0o755)
    assert index.path is None and index.facts == FACTS and index.arrays is ARRAYS
    assert "write-protected" in caplog.text and FOLDER_VARIABLE in caplog.text


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path):
    (tmp_path / "file").write_text("")
    index = keep_index([tmp_path / "file" / "x", tmp_path / "y"], {"k": 1}, FACTS, ARRAYS)
    assert index.path == tmp_path / "y" and index.facts["key"] == {"k": 1}


def test_what_is_found_bit_by_bit_is_gathered_from_all_places(tmp_path):
    """The older one lies beside, where it cannot be written over; the newer one apart."""
    places = [tmp_path / "beside.index", tmp_path / "apart.index"]
    write_index(places[0], {"key": 1, "names": ["a"]}, {})
    write_index(places[1], {"key": 1, "names": ["a", "b"]}, {})
    assert [index.facts["names"] for index in all_indexes(places, 1)] == [["a", "b"], ["a"]]
    assert all_indexes(places, 2) == []
