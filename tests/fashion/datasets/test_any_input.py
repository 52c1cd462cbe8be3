"""Random masks, run lengths, boxes, CSVs, index files and photos, right and wrong: never a crash,
never a wrong mask, always a reason.

FUZZ_EXAMPLES=5000 pytest -m fuzz tests/fashion/datasets/test_any_input.py
"""

import io
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fashion.datasets.files import year_of
from fashion.formats import rle
from fashion.formats.annotation_csv import BadRows, read_annotations
from fashion.formats.index_cache import open_index, write_index
from fashion.labels.ontology import Ontology
from mrcnn.data.annotated_images import read_annotated
from mrcnn.data.image_io import MAX_PIXELS, header, read_image
from mrcnn.data.loading.load_example import masks_on_canvas
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.placement import Placement
from mrcnn.ops.pixel_convention import ALIGNED, CORNERS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 200))
pytestmark = pytest.mark.fuzz
# The same examples in every run: a test that fails today failed yesterday.
many = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)

sides = st.integers(1, 24)
masks = st.tuples(sides, sides, st.integers(0, 4)).flatmap(lambda shape: arrays(bool, shape))
placements = st.tuples(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
)
numbers = st.one_of(st.integers(-3, 700), st.integers(0, 2**70)).map(str)
words = st.one_of(
    numbers, numbers, st.text("0123456789 -.eE+,x\t\n\u0661", max_size=4), st.text(max_size=3)
)
texts = st.lists(words, max_size=9).map(" ".join)


@pytest.mark.slow
@many
@given(masks, placements)
def test_any_mask_comes_to_any_canvas_as_the_long_way_brings_it(masks, where):
    (size_hw, corner), photo_hw = where, masks.shape[:2]
    placement = Placement(photo_hw, size_hw, corner, (32, 32))
    text = [rle.encode(masks[:, :, i]) for i in range(masks.shape[2])]
    valid, counts, starts, lengths = rle.parse_many(
        [t.encode() for t in text], np.full(len(text), masks[:, :, 0:1].size)
    )
    assert valid.tolist() == [
        bool(t) for t in text
    ]  # an empty mask has no runs, which no file may have
    if valid.all():
        placed, areas = masks_on_canvas(placement, RLEMasks(photo_hw, starts, lengths, counts))
        np.testing.assert_array_equal(placed.dense(), masks_on_canvas(placement, masks)[0].dense())
        assert areas.tolist() == masks.sum(axis=(0, 1)).tolist()
    for i, t in enumerate(text):
        np.testing.assert_array_equal(rle.decode(t, photo_hw), masks[:, :, i])
        np.testing.assert_array_equal(
            rle.decode(rle.from_coco(rle.to_coco(t, photo_hw)), photo_hw), masks[:, :, i]
        )


@pytest.mark.slow
@many
@given(texts, sides, sides)
def test_any_text_is_a_mask_or_has_a_reason_why_not(text, height, width):
    reason = rle.check_runs(text, (height, width))
    if reason is None:
        mask = rle.decode(text, (height, width))
        assert mask.shape == (height, width) and mask.any() and mask.sum() == rle.area(text)
        starts, lengths = rle.parse_runs(text)
        expected = np.zeros(height * width, int)
        for start, length in zip(starts, lengths):
            expected[start : start + length] += 1
        np.testing.assert_array_equal(mask, expected.reshape(width, height).T)
        assert expected.max() == 1
    else:
        assert isinstance(reason, str) and reason
        if text.strip():
            with pytest.raises(ValueError, match="."):
                rle.decode(text, (height, width))
    if rle.valid_runs([text.encode()], np.array([height * width]))[0]:
        assert reason is None


@pytest.mark.slow
@many
@given(
    st.tuples(sides, sides),
    placements,
    arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32)),
)
def test_any_box_comes_back_to_the_photo(photo_hw, where, boxes):
    size_hw, corner = where
    placement = Placement(photo_hw, size_hw, corner, (32, 32))
    for convention in (ALIGNED, CORNERS):
        back = placement.boxes_to_original(boxes, convention)
        assert (
            np.isfinite(back).all() and (back >= 0).all() and (back <= np.tile(photo_hw, 2)).all()
        )
    y1, x1, y2, x2 = placement.window
    assert 0 <= y1 <= y2 <= 32 and 0 <= x1 <= x2 <= 32


sound_cells = {
    "ImageId": ["a", "b", "c.jpg", "d"],
    "EncodedPixels": ["1 1", "2 3 9 1", "5 2", ""],
    "Height": ["9", "9.0"],
    "Width": ["12"],
    "ClassId": ["3", "10", "10_3_20", "", "4.0"],
    "AttributesIds": ["", "3", '"115,136"', "nan"],
    "n": ["", "7"],
}
digits = st.sampled_from(
    [
        "2147483648",
        str(2**64 + 1),
        "9" * 5000,
        "-1",
        "0",
        "1.5",
        "1e308",
        "inf",
        "NaN",
        "\u0661\u0662",
        "1_0",
        "0x10",
    ]
)
odd_cells = st.one_of(
    digits,
    st.text(max_size=4),
    texts,
    st.sampled_from(
        [
            '""4 3',
            '"1 1" ',
            '"',
            '""',
            '"4 3',
            "\0",
            "\r",
            "\r\n",
            "\n",
            ",",
            "\ufeff",
            "x" * 200_000,
            "../a",
            '"a\nb"',
            '" 1 1 "',
            "1 1 ",
            " 1 1",
            "1\t1",
            "None",
            "<NA>",
        ]
    ),
)


@st.composite
def csv_files(draw):
    """(bytes of a CSV, whether every cell of it is a sound one). Mostly sound, with one odd cell,
    line or header here and there."""
    more = draw(st.sampled_from([[], ["AttributesIds"], ["AttributesIds", "n"]]))
    columns = draw(
        st.permutations(["ImageId", "EncodedPixels", "Height", "Width", "ClassId", *more])
    )
    odd = draw(st.integers(0, 3)) > 0
    lines = [",".join(columns)]
    for _ in range(draw(st.integers(0, 5))):
        cells = [draw(st.sampled_from(sound_cells[name])) for name in columns]
        if odd and draw(st.booleans()):
            cells[draw(st.integers(0, len(cells) - 1))] = draw(odd_cells)
        if odd and draw(st.integers(0, 7)) == 0:
            cells = cells[: draw(st.integers(0, len(cells)))]
        quoted = draw(st.integers(0, 3)) == 0
        lines.append(
            ",".join(f'"{cell}"' if quoted and '"' not in cell else cell for cell in cells)
        )
    content = b"".join(
        line.encode(errors="replace") + draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
        for line in lines
    )
    content = (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
        + content[: len(content) - draw(st.integers(0, 1))]
    )
    if odd and draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(content)))
        content = (
            content[:at] + draw(st.binary(max_size=3)) + content[at + draw(st.integers(0, 3)) :]
        )
    return content


@pytest.mark.slow
def test_any_csv_is_read_or_its_rows_have_reasons(tmp_path):
    path, read = tmp_path / "train.csv", []

    @many
    @given(csv_files())
    def check(content):
        path.write_bytes(content)
        try:
            annotations, bad = read_annotations(path, Ontology.official(year_of(path)))
        except (ValueError, OSError) as error:
            assert "train.csv" in str(error)
            return
        lines = content.count(b"\n") + 1
        assert all(2 <= row.line <= lines and row.reason for row in bad)
        assert len(str(BadRows(path, bad)).splitlines()) == 2 + len(bad)
        for image in range(len(annotations.image_ids)):
            height, width = annotations.image_hw[image].tolist()
            assert 0 < height * width <= MAX_PIXELS and all(
                2 <= line <= lines for line in annotations.lines_of(image)
            )
            for text in annotations.runs_of(annotations.rows_of(image)):
                assert rle.check_runs(text, (height, width)) is None
        # from the index
        again, bad_again = read_annotations(path, Ontology.official(year_of(path)))
        assert (
            again.image_ids == annotations.image_ids
            and bad_again == bad
            and (again.line == annotations.line).all()
        )
        read.append(len(annotations.line))

    check()
    assert sum(read) > EXAMPLES // 4


def test_any_index_file_is_sound_or_counts_as_none(tmp_path):
    path = tmp_path / "x.index"
    write_index(
        path,
        {"key": 1, "names": ["a", "b"]},
        {"a": np.arange(6).reshape(2, 3), "b": np.zeros((0, 2), np.uint8)},
    )
    whole = path.read_bytes()

    @many
    @given(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4),
        st.integers(0, 2 * len(whole)),
    )
    def check(changes, length):
        content = bytearray(whole)
        for at, value in changes:
            content[at] = value
        path.write_bytes(content[:length])
        index = open_index(path)
        assert index is None or index.arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]

    check()


@pytest.fixture(scope="module")
def photo_files():
    """Small photos in every format, as bytes."""
    photo = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    found = []
    for mode, form in (
        ("RGB", "JPEG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("I;16", "PNG"),
    ):
        image = (
            Image.fromarray(photo[:, :, 0].astype(np.uint16) * 200)
            if mode == "I;16"
            else Image.fromarray(photo).convert(mode)
        )
        file = io.BytesIO()
        image.save(file, form)
        found.append(file.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"):
        file = io.BytesIO()
        Image.fromarray(photo).save(
            file, form, **({} if form in ("BMP", "GIF", "PPM", "JPEG2000") else {"exif": exif})
        )
        found.append(file.getvalue())
    return found


@pytest.mark.slow
def test_any_file_is_an_image_or_is_named(photo_files, tmp_path):
    path = tmp_path / "photo.jpg"
    read = 0

    @many
    @given(
        st.integers(0, len(photo_files) - 1),
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
        st.one_of(st.none(), st.none(), st.integers(0, 4000)),
        st.sampled_from([None, (5, 5)]),
    )
    def check(which, changes, length, at_least_hw):
        nonlocal read
        content = bytearray(photo_files[which][:length])
        for at, value in changes:
            content[at % max(len(content), 1) : at % max(len(content), 1) + 1] = bytes([value])
        path.write_bytes(content)
        for read_another in (
            lambda: read_annotated(path, (40, 30), at_least_hw),
            lambda: read_annotated(path, (30, 40)),
            lambda: header(path),
            lambda: read_image(path, upright=True),
        ):
            try:
                read_another()
            except (OSError, ValueError) as error:
                assert "photo.jpg" in str(error)
        try:
            image = read_image(path, at_least_hw=at_least_hw)
        except OSError as error:
            assert "photo.jpg" in str(error)
        else:
            read += 1
            assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8

    check()
    assert read > EXAMPLES // 5
