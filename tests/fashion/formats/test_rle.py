import json
import re

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.formats import rle


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def masks(rng):
    """Masks of every density, and the extreme ones."""
    some = [rng.random(rng.integers(1, 40, 2)) < density for density in np.linspace(0, 1, 120)]
    for index in ((0, 0), (-1, -1), (0, -1), (-1, 0)):
        corner = np.zeros((7, 5), bool)
        corner[index] = True
        some.append(corner)
    return some + [
        make(size_hw, bool) for make in (np.zeros, np.ones) for size_hw in ((7, 5), (1, 1))
    ]


def coco_of(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


# By hand


def test_pixels_count_from_1_down_the_columns():
    mask = np.zeros((3, 4), bool)
    mask[0, 0] = mask[1, 2] = mask[2, 2] = True
    assert rle.encode(mask) == "1 1 8 2"
    np.testing.assert_array_equal(rle.decode("1 1 8 2", (3, 4)), mask)


def test_the_last_pixel_is_number_height_times_width():
    mask = np.zeros((3, 4), bool)
    mask[2, 3] = True
    assert rle.encode(mask) == "12 1"


def test_an_empty_mask_is_an_empty_text_and_a_full_one_a_single_run():
    assert rle.encode(np.zeros((3, 4), bool)) == "" and rle.encode(np.ones((3, 4), bool)) == "1 12"
    assert not rle.decode("", (3, 4)).any() and rle.decode("1 12", (3, 4)).all()


def test_runs_are_0_based():
    starts, lengths = rle.parse_runs("1 2 8 3")
    assert starts.tolist() == [0, 7] and lengths.tolist() == [2, 3] and starts.dtype == np.int64
    assert rle.format_runs(starts, lengths) == "1 2 8 3"
    assert rle.format_runs([], []) == "" and len(rle.parse_runs("")[0]) == 0


def test_area_and_box_by_hand():
    assert rle.area("1 1 8 2") == 3
    assert rle.box_of_runs("1 1 8 2", (3, 4)).tolist() == [0, 0, 3, 3]
    assert rle.box_of_runs("5 1", (3, 4)).tolist() == [1, 1, 2, 2]
    assert rle.box_of_runs("", (3, 4)).tolist() == [0, 0, 0, 0]


def test_a_run_over_the_column_end_touches_both_borders():
    assert rle.box_of_runs("6 2", (3, 4)).tolist() == [0, 1, 3, 3]


@pytest.mark.parametrize(
    "text,reason",
    [
        ("", "no runs"),
        ("  ", "no runs"),
        ("1 2 3", "odd number of values"),
        ("1 x", "'x' is not"),
        ("1.0 2", "'1.0' is not"),
        ("-1 2", "'-1' is not"),
        ("0 2", "before pixel 1"),
        ("3 0", "run 1 .*has no length"),
        ("12 2", "ends at pixel 13"),
        ("13 1", "ends at pixel 13"),
        ("1 3 3 1", "run 2 .*starts before"),
        ("5 1 1 1", "run 2 .*starts before"),
        ("1 99999999999999999999999", "ends at pixel"),
        ("99999999999999999999999 1", "ends at pixel"),
        ("1 1\n3", "odd"),
        ("1 é", "is not a whole number"),
    ],
)
def test_check_runs_says_what_is_wrong(text, reason):
    assert re.search(reason, rle.check_runs(text, (3, 4)))
    assert not rle.valid_runs([text.encode()], np.array([12]))[0]


@pytest.mark.parametrize("text", ["1 1", "12 1", "1 12", "1 3 4 2", "1 1 3 1 ", "1  1", "1\t1"])
def test_right_runs_have_no_fault(text):
    assert rle.check_runs(text, (3, 4)) is None


def test_decode_refuses_what_check_runs_refuses():
    for text in ("1 3 3 1", "12 2", "0 1", "1 0", "1", "a b"):
        with pytest.raises(ValueError):
            rle.decode(text, (3, 4))


def test_touching_runs_are_read_and_joined_on_the_way_out():
    assert rle.encode(rle.decode("1 2 3 2", (3, 4))) == "1 4"
    assert rle.to_coco("1 2 3 2", (3, 4)) == rle.to_coco("1 4", (3, 4))


# Round trips and other people's arithmetic


def test_decode_undoes_encode(masks):
    for mask in masks:
        decoded = rle.decode(rle.encode(mask), mask.shape)
        assert decoded.dtype == bool
        np.testing.assert_array_equal(decoded, mask)


def test_coco_text_is_that_of_pycocotools(masks):
    for mask in masks:
        coco = rle.to_coco(rle.encode(mask), mask.shape)
        assert coco == coco_of(mask)
        json.dumps(coco)


def test_large_counts_agree_with_pycocotools(rng):
    mask = np.zeros((900, 700), bool)
    mask[5:300, 10:20] = True
    mask[899, 699] = mask[0, 600] = True
    assert rle.to_coco(rle.encode(mask), mask.shape) == coco_of(mask)
    assert rle.from_coco(coco_of(mask)) == rle.encode(mask)


def test_from_coco_reads_all_three_forms(masks):
    for mask in masks:
        text, height, width = rle.encode(mask), *mask.shape
        coco = coco_of(mask)
        assert (
            rle.from_coco(coco)
            == rle.from_coco({**coco, "counts": coco["counts"].encode()})
            == text
        )
        flat = mask.T.ravel()
        changes = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int)))
        counts = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
        assert rle.from_coco({"size": [height, width], "counts": counts}) == text


def test_area_and_box_agree_with_pycocotools(masks):
    for mask in masks:
        text, coco = rle.encode(mask), coco_of(mask)
        assert rle.area(text) == coco_mask.area(coco)
        if mask.any():
            x, y, w, h = coco_mask.toBbox(coco)
            assert rle.box_of_runs(text, mask.shape).tolist() == [y, x, y + h, x + w]


def test_a_window_is_encoded_as_the_whole_mask_is(rng):
    for _ in range(100):
        h, w = rng.integers(1, 8, 2)
        top, left = rng.integers(0, 4, 2)
        height, width = top + h + rng.integers(0, 3), left + w + rng.integers(0, 3)
        window = rng.random((h, w)) < 0.8
        canvas = np.zeros((height, width), bool)
        canvas[top : top + h, left : left + w] = window
        assert rle.encode_window(window, top, left, (height, width)) == rle.encode(canvas)


def test_a_window_outside_the_image_is_refused_and_an_empty_one_is_empty():
    with pytest.raises(ValueError, match="leaves the image"):
        rle.encode_window(np.ones((2, 2), bool), 2, 0, (3, 4))
    assert rle.encode_window(np.zeros((0, 0), bool), 0, 0, (3, 4)) == ""


def test_masks_of_other_dtypes_are_encoded_alike():
    mask = np.array([[0, 1], [1, 0]])
    assert rle.encode(mask.astype(np.uint8) * 255) == rle.encode(mask.astype(bool)) == "2 2"


def test_many_masks_are_checked_as_one_by_one(rng):
    texts = []
    for _ in range(300):
        mask = rng.random((6, 7)) < 0.4
        words = rle.encode(mask).split() or ["1", "1"]
        spoil = rng.integers(0, 8)
        if spoil < 5:
            k = rng.integers(0, len(words))
            words[k] = ["0", "x", "43", words[0], words[-1]][spoil]
        elif spoil == 5:
            words = words[1:]
        texts.append(" ".join(words))
    one_by_one = [rle.check_runs(text, (6, 7)) is None for text in texts]
    many = rle.valid_runs([text.encode() for text in texts], np.full(300, 42))
    assert many.tolist() == one_by_one and 0 < many.sum() < 300


def test_many_texts_are_parsed_at_once_and_wrong_ones_do_no_harm_to_their_neighbours():
    texts = [b"1 2 5 1", b"1 x", b"", b"3 1 3 1", b"12345678 9", b"123456789012 1"]
    valid, number, starts, lengths = rle.parse_many(texts, np.full(6, 10**9))
    assert valid.tolist() == [True, False, False, False, True, False] and number.tolist() == [
        2,
        0,
        0,
        2,
        1,
        1,
    ]
    assert starts.tolist() == [0, 4, 2, 2, 12345677, 123456789011] and lengths.tolist() == [
        2,
        1,
        1,
        1,
        9,
        1,
    ]
    assert all(len(part) == 0 for part in rle.parse_many([], np.zeros(0, int)))


def test_numbers_of_any_length_are_read_as_numpy_reads_them(rng):
    numbers = np.sort((10 ** rng.uniform(0, 7.99, 2000)).astype(int))
    text = " ".join(map(str, numbers.tolist()))
    for end in (
        "",
        " 100000000 1",
        " 999999999999 1",
    ):  # eight digits at most are read another way than more
        _, _, starts, lengths = rle.parse_many([(text + end).encode()], np.array([1]))
        assert np.stack([starts + 1, lengths], axis=1).ravel().tolist() == [
            *numbers.tolist(),
            *map(int, end.split()),
        ]


def test_all_runs_of_masks_that_are_right_by_hand():
    starts, lengths, counts = rle.parse_all(
        ["1 2 8 3", "", " 2  1\t4 2"], (3, 4)
    )  # plain, empty, and unusually spaced
    assert (
        starts.tolist() == [0, 7, 1, 3]
        and lengths.tolist() == [2, 3, 1, 2]
        and counts.tolist() == [2, 0, 2]
    )
    assert [len(part) for part in rle.parse_all([], (3, 4))] == [0, 0, 0]


def test_unusual_spaces_change_nothing_about_all_runs(masks):
    texts, sizes_hw = zip(*((rle.encode(mask), mask.shape) for mask in masks if mask.any()))
    plain = rle.parse_all(texts, sizes_hw)
    for found, expected in zip(
        rle.parse_all([text.replace(" ", "  ") for text in texts], sizes_hw), plain, strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype == np.int64
    assert plain[2].tolist() == [len(rle.parse_runs(text)[0]) for text in texts]


def test_all_runs_are_refused_if_one_is_wrong_for_its_size():
    assert len(rle.parse_all(["1 2", "6 1"], [(1, 2), (2, 3)])[0]) == 2
    with pytest.raises(ValueError, match=r"mask of 1x2 pixels: run 1 \('6 1'\) ends at pixel 6"):
        rle.parse_all(["1 2", "6 1"], [(2, 3), (1, 2)])
