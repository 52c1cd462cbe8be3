import json

import pytest

from fashion.cli.web_runtime import FILES, PACKAGE, runtime_files


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": PACKAGE, "version": "9.0"}))
    for name in FILES:
        (folder / "dist" / name).write_bytes(name.encode())
    return folder


def test_a_folder_of_the_package_is_read(package):
    version, content = runtime_files(package)
    assert version == "9.0" and content == {name: name.encode() for name in FILES}


def test_what_is_wrong_with_a_folder_is_said_once(package):
    (package / "dist" / FILES[0]).unlink()
    with pytest.raises(ValueError, match="or a file of it is missing or damaged. Fetch it"):
        runtime_files(package)
    (package / "dist" / FILES[0]).touch()
    (package / "package.json").write_text('{"name": "other"}')
    with pytest.raises(ValueError, match=f"is another package than {PACKAGE}") as caught:
        runtime_files(package)
    assert str(caught.value).count("npm pack") == 1


def test_a_file_that_is_no_archive_is_said_to_be_such(tmp_path):
    (tmp_path / "x.tgz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="x.tgz is not the package") as caught:
        runtime_files(tmp_path / "x.tgz")
    assert "gzip" not in str(caught.value)
