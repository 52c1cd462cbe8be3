"""Fashion-MNIST: its files, read byte by byte, and its split."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from fashion.classify import data as module
from fashion.classify.data import CLASSES, FILES, Images, load_images, read_idx, split
from mrcnn.weights import download
from mrcnn.weights.download import DownloadError


def test_packed_and_unpacked_files_are_read(toy_folder, toy):
    train, test = load_images(toy_folder)
    assert np.array_equal(train.pixels, toy(100).pixels) and np.array_equal(
        test.labels, toy(30, seed=1).labels
    )
    assert (len(train), len(test)) == (100, 30)


def test_a_folder_without_the_files_says_which_are_missing(tmp_path, toy_folder):
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(
        (toy_folder / "train-labels-idx1-ubyte").read_bytes()
    )
    with pytest.raises(
        FileNotFoundError,
        match="lacks train-images-idx3-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte",
    ):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "t10k-images-idx3-ubyte",
            np.zeros((30, 28, 27), np.uint8),
            "28 x 28 pixels.*holds .30, 28, 27.",
        ),
        ("t10k-labels-idx1-ubyte", np.zeros(29, np.uint8), "30 labels from 0 to 9"),
        ("t10k-labels-idx1-ubyte", np.full(30, 10, np.uint8), "up to 10"),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, toy_folder, as_idx, name, array, message):
    for path in toy_folder.iterdir():
        if not path.name.startswith(name):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(as_idx(array))
    with pytest.raises(ValueError, match=message):
        load_images(tmp_path)


def test_a_fifth_is_held_out_and_every_image_is_in_one_part():
    numbers = np.arange(50)
    train, validation = split(Images(numbers, numbers.astype(np.uint8)))
    assert (len(train), len(validation)) == (40, 10)
    assert sorted([*train.pixels, *validation.pixels]) == list(range(50))
    assert (
        np.array_equal(split(Images(numbers, numbers))[1].pixels, validation.pixels)
        and validation.pixels.max() > 10
    )


def test_nothing_may_be_held_out():
    train, validation = split(Images(np.arange(5), np.arange(5)), held_out=0.0)
    assert train.pixels.tolist() == [0, 1, 2, 3, 4] and len(validation) == 0


class Folder(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`."""

    def do_GET(self):
        body = self.server.files.get(self.path.lstrip("/"))
        self.server.asked.append(self.path.lstrip("/"))
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(toy_folder, tmp_path, monkeypatch):
    """The toy files at an address, as the ones to be fetched."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES_S", ())
    monkeypatch.setattr(module, "FOLDER", tmp_path / "fetched")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Folder) as server:
        server.asked, server.files = [], {}
        for path in toy_folder.iterdir():
            body = path.read_bytes()
            server.files[path.name.removesuffix(".gz") + ".gz"] = (
                body if path.suffix == ".gz" else gzip.compress(body)
            )
        monkeypatch.setattr(
            module,
            "FILES",
            {
                name: (len(body := server.files[f"{name}.gz"]), hashlib.sha256(body).hexdigest())
                for name in FILES
            },
        )
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_without_a_folder_the_files_are_fetched_once(server, toy):
    train, _ = load_images(url=server.url, progress=False)
    assert np.array_equal(train.pixels, toy(100).pixels)
    load_images(url=server.url, progress=False)
    assert sorted(server.asked) == sorted(f"{name}.gz" for name in FILES)


def test_a_file_that_is_another_one_is_refused(server):
    name = next(iter(FILES)) + ".gz"
    server.files[name] = bytes(len(server.files[name]))
    with pytest.raises(DownloadError, match="its sha256 should be .*--data"):
        load_images(url=server.url, progress=False)
    assert not (module.FOLDER / name).exists()


def test_being_offline_is_told_with_the_way_out(server):
    with http.server.HTTPServer(("127.0.0.1", 0), Folder) as gone:
        url = f"http://127.0.0.1:{gone.server_port}/"
    with pytest.raises(
        DownloadError,
        match="could not be downloaded.*continue without it: give a folder that holds the four",
    ):
        load_images(url=url, progress=False)


def test_the_classes_are_zalandos():
    assert (
        CLASSES[0] == "T-shirt/top"
        and CLASSES[6] == "Shirt"
        and CLASSES[9] == "Ankle boot"
        and len(CLASSES) == 10
    )


TWO_BY_THREE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes([1, 2, 3, 4, 5, 255])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_rows_follow_each_other_whatever_the_name(tmp_path, pack):
    (tmp_path / "file").write_bytes(pack(TWO_BY_THREE))
    array = read_idx(tmp_path / "file")
    assert array.dtype == np.uint8 and array.tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TWO_BY_THREE[:-1], "should hold 18 bytes, as its header says, and holds 17"),
        (TWO_BY_THREE + b"x", "should hold 18 bytes, as its header says, and holds 19"),
        (TWO_BY_THREE[:7], "should hold 12 bytes.* holds 7"),
        (b"<html>", "not an idx file of bytes"),
        (b"", "not an idx file of bytes"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "not an idx file of bytes"),  # floats
        (gzip.compress(TWO_BY_THREE, mtime=0)[:-9], "cannot be unpacked: it is cut off or damaged"),
    ],
)
def test_what_is_not_whole_is_told(tmp_path, data, message):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "file")
