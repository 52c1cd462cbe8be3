"""JSON files: what cannot be read is said in one line, whatever is wrong with it."""

import pytest

from mrcnn.json_files import read_json, read_json_object, read_object


def test_content_is_read_with_or_without_a_byte_order_mark(tmp_path):
    for text in (b'{"a": [1]}', b'\xef\xbb\xbf{"a": [1]}'):
        (tmp_path / "a.json").write_bytes(text)
        assert read_json(tmp_path / "a.json") == {"a": [1]}


def test_a_file_that_is_missing_is_named(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(
            FileNotFoundError, match=f"There is no file {path}. Expected ground truth"
        ):
            read_json(path, "ground truth")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value, line 1, column 1"),
        (b'{"a": 1', "line 1, column 8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe[\x00]\x00", "byte 0 is not UTF-8"),
        (b"9" * 5000, "thousands of digits"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(
        ValueError, match=f"^a.json cannot be read as JSON: .*{reason}.* Expected ground truth\\.$"
    ):
        read_json(tmp_path / "a.json", "ground truth")


def test_json_that_a_person_changed_is_read_or_told(tmp_path):
    path = tmp_path / "study.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [1, NaN]}')
    assert list(read_json_object(path)) == ["a"]
    for content, told in (
        (b'{"a": 1,}', "line 1"),
        (b'{"a": 1, "a": 2}', '"a" occurs twice'),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 10**5, "nested too deeply"),
        (b"[" + b"1" * 5000 + b"]", "5,000 digits"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"study.json .*{told}"):
            read_json_object(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '{"a": [1, 0.5]}'), ("a.yaml", "a: [1, 0.5]\n"), ("a.yml", "a: [1, .5]")],
)
def test_an_object_is_read_from_json_or_yaml(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_object(tmp_path / name) == {"a": [1, 0.5]}


@pytest.mark.parametrize(("text", "told"), [("a: [", "is not YAML"), ("- 1", "must hold names")])
def test_other_yaml_is_refused_with_its_name(tmp_path, text, told):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"a.yaml {told}"):
        read_object(tmp_path / "a.yaml")
