"""The verb `serve`: its arguments, and what it makes of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fashion import serve

ROOT = Path(__file__).parents[2]


def test_keys_come_from_a_file_and_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv(serve.KEY_VARIABLE, raising=False)
    assert serve.parse([]).api_keys == ()
    file = tmp_path / "keys"
    file.write_text("first-key-1\n\n  second-key-2  \n")
    assert serve.parse(["--api-key-file", str(file)]).api_keys == ("first-key-1", "second-key-2")
    monkeypatch.setenv(serve.KEY_VARIABLE, "third-key-3")
    assert serve.parse([]).api_keys == ("third-key-3",)
    file.write_text("short\n")
    with pytest.raises(ValueError, match="less than 8 characters"):
        serve.parse(["--api-key-file", str(file)])
    monkeypatch.delenv(serve.KEY_VARIABLE)
    file.write_text("\n")
    with pytest.raises(ValueError, match="holds no key"):
        serve.parse(["--api-key-file", str(file)])


def test_options_become_settings():
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from fashion.commands.serve import _service

    settings = _service(serve.parse([])).settings
    assert settings.hosts == ("127.0.0.1", "::1", "localhost")
    assert (settings.most_bytes, settings.most_pixels) == (12 << 20, 50_000_000)
    words = "--host 0.0.0.0 --max-upload 0.5 --max-pixels 2 --queue 3 --timeout 4 --rate-limit 5"
    words += " --trusted-proxies 10.0.0.0/8 --cors https://a.example --title T"
    settings = _service(serve.parse(words.split())).settings
    assert settings.hosts is None and settings.title == "T"
    assert (settings.most_bytes, settings.most_pixels) == (1 << 19, 2_000_000)
    assert (settings.most_waiting, settings.body_seconds, settings.rate_limit) == (3, 4.0, 5)
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert settings.origins == ("https://a.example",)


@pytest.fixture
def index_of(make_garment, monkeypatch):
    """Opens an index of garments in given images, whatever its folder holds, and returns it."""
    from fashion.commands import serve as command

    def index_of(*images):
        garments = [make_garment(i, name, "hat", None) for i, name in enumerate(images)]
        index = SimpleNamespace(garments=lambda: iter(garments))
        monkeypatch.setattr(command, "_opened", lambda location: index)
        return index

    return index_of


def test_dates_of_an_index_come_from_where_they_are_said_to_be(index_of, tmp_path, capsys):
    from fashion.commands.serve import _dates

    index = index_of("2024-05-17/a.jpg", "x/b.jpg")

    def dates(source):
        return _dates(source, lambda: index)

    assert dates("exif") is None
    assert dates("folders") == {"2024-05-17/a.jpg": "2024-05-17"}
    (tmp_path / "dates.csv").write_text("image,date\nb.jpg,2023-04-01\n")
    assert dates(tmp_path / "dates.csv") == {"x/b.jpg": "2023-04-01"}
    with pytest.raises(SystemExit):
        serve.parse(["--dates", "folders"])
    assert "--dates is for the trends of an index" in capsys.readouterr().err


def test_wrong_dates_are_refused_before_the_service_starts(index_of, tmp_path):
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from fashion.commands import serve as command

    (tmp_path / "garments.sqlite").touch()
    (tmp_path / "dates.csv").write_text("a,b\n")
    words = ["--index", str(tmp_path), "--dates", str(tmp_path / "dates.csv"), "--port", "0"]
    index_of("a.jpg")
    with pytest.raises(ValueError, match="has no column image and no column date"):
        command.run(serve.parse(words))
    words[3] = "folders"
    with pytest.raises(ValueError, match="No folder of the images is named after a date"):
        command.run(serve.parse(words))


def test_a_missing_web_framework_is_named_with_its_extra(monkeypatch):
    from fashion.commands import serve as command

    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fashion-mask-rcnn\[serve\]"'):
        command.run(serve.parse([]))


@pytest.mark.full
def test_an_exported_model_is_served_without_keras(tiny_export, sample_folder):
    httpx = pytest.importorskip("httpx")
    command = [sys.executable, "-X", "importtime", "-m", "fashion", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--weights", str(tiny_export)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().split()[0]
        while httpx.get(f"{address}/healthz", timeout=60).status_code != 200:
            assert process.poll() is None
        image = next((sample_folder / "images").iterdir())
        photo = {"photo": image.read_bytes()}
        answer = httpx.post(f"{address}/api/detect", files=photo, timeout=60)
        assert answer.status_code == 200
        assert httpx.get(f"{address}/api/model").json()["license"] == "CC0"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "The service has stopped." in out
    names = {line.rpartition("|")[2].strip() for line in err.splitlines() if "|" in line}
    packages = {name.partition(".")[0] for name in names}
    assert "uvicorn" in packages and not {"keras", "tensorflow", "scipy"} & packages
