"""Downloads: whole or absent, gone on with after every kind of break, and never the wrong file. The
network is a server in a thread."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mrcnn.weights import download as module
from mrcnn.weights import published
from mrcnn.weights.download import DownloadError, download
from mrcnn.weights.published import download_trained_weights, imagenet_resnet50_weights

ROOT = Path(__file__).resolve().parents[3]
HALF, WHOLE = 150_000, 300_000
HTML = b"<!DOCTYPE html><html>Please log in.</html>" + b" " * 100


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.body`; the next item of `server.plan` says what goes wrong this time."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers)
        plan = server.plan.pop(0) if server.plan else {}
        if self.path == "/moved":
            return self.answer(302, {"Location": "/file.h5"})
        if "status" in plan:
            return self.answer(plan["status"], {"Content-Length": "0"})
        body, start = plan.get("body", server.body), self.first_byte(plan)
        headers = {"ETag": server.etag} if server.etag else {}
        if start is not None and start >= len(body):
            return self.answer(
                416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"}
            )
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if plan.get("length", True):
            headers["Content-Length"] = str(len(body) - (start or 0))
        self.answer(206 if start else 200, headers)
        self.send(body[start or 0 :], plan)

    def first_byte(self, plan):
        """The first byte of a Range that is to be honoured, or None."""
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        stale = condition not in (None, self.server.etag) and not plan.get("blind")
        return (
            None
            if asked is None or stale or not self.server.ranges
            else int(asked.removeprefix("bytes=").rstrip("-"))
        )

    def answer(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, data, plan):
        stop = plan.get("break_after", plan.get("stall_after", len(data)))
        for piece in range(0, stop, 30_000):
            self.wfile.write(data[piece : min(piece + 30_000, stop)])
            self.server.released.wait(plan.get("pause", 0))
        if "stall_after" in plan:
            self.server.released.wait(20)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = module.SIGNATURES["h5"] + np.random.default_rng(0).bytes(WHOLE - 8)
        self.etag, self.ranges, self.plan, self.asked, self.released = (
            '"one"',
            True,
            [],
            [],
            threading.Event(),
        )
        self.url = f"http://127.0.0.1:{self.server_port}/file.h5"

    def hashes(self):
        return {
            "sha256": hashlib.sha256(self.body).hexdigest(),
            "md5": hashlib.md5(self.body).hexdigest(),
            "size": len(self.body),
        }

    def ranges_asked(self):
        return [headers.get("Range") for headers in self.asked]

    def handle_error(self, *_):  # clients that go away in the middle are what this is about
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy_no_pauses(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "PAUSES_S", (0, 0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "file.h5"


def fetch(server, path, **settings):
    return download(server.url, path, **{"progress": False, "timeout_s": 5} | settings)


def names(path):
    return sorted(p.name for p in path.parent.iterdir())


def leave_half(server, path):
    """A first call that ends in the middle, for good."""
    server.plan += [{"break_after": HALF}, {"status": 404}]
    with pytest.raises(DownloadError):
        fetch(server, path)
    assert path.with_name("file.h5.part").read_bytes() == server.body[:HALF]
    server.asked.clear()


def test_a_file_comes_whole_and_alone(server, path):
    assert fetch(server, path, **server.hashes()) == path
    assert path.read_bytes() == server.body
    assert names(path) == ["file.h5"]


def test_a_redirect_is_followed_and_still_asks_for_the_rest_only(server, path):
    server.plan = [{}, {"break_after": HALF}]
    download(server.url.replace("file.h5", "moved"), path, progress=False, **server.hashes())
    assert path.read_bytes() == server.body
    assert server.ranges_asked() == [None, None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_broken_connection_is_gone_on_with_in_the_same_call(server, path):
    server.plan = [{"break_after": HALF}, {"status": 503}, {"break_after": 60_000}]
    fetch(server, path, **server.hashes())
    assert path.read_bytes() == server.body
    assert server.ranges_asked() == [
        None,
        f"bytes={HALF}-",
        f"bytes={HALF}-",
        f"bytes={HALF + 60_000}-",
    ]


def test_a_break_in_the_first_bytes_is_no_wrong_file(server, path):
    server.plan = [{"break_after": 0}, {"break_after": 3}]
    fetch(server, path)
    assert path.read_bytes() == server.body


def test_the_next_call_asks_for_the_rest_only(server, path):
    leave_half(server, path)
    fetch(server, path)
    assert path.read_bytes() == server.body
    assert names(path) == ["file.h5"]
    assert server.ranges_asked() == [f"bytes={HALF}-"]
    assert server.asked[0]["If-Range"] == '"one"'


def test_getting_further_gives_new_tries(server, path):
    server.plan = [{"break_after": 30_000}] * 9
    fetch(server, path)
    assert path.read_bytes() == server.body
    assert len(server.asked) == 10


def test_breaks_at_the_same_place_end_in_an_error_that_says_what_is_kept(server, path):
    server.ranges, server.plan = False, [{"break_after": HALF}] * 9
    with pytest.raises(
        DownloadError, match=r"connection ended early. 150,000 bytes are kept in .*file\.h5\.part"
    ):
        fetch(server, path)
    assert len(server.asked) == 3


def test_a_server_that_sends_no_parts_sends_all_again(server, path):
    leave_half(server, path)
    server.ranges = False
    fetch(server, path)
    assert path.read_bytes() == server.body


@pytest.mark.parametrize("blind", [False, True], ids=["obeys If-Range", "ignores If-Range"])
def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(server, path, blind):
    leave_half(server, path)
    server.body, server.etag = server.body[:-1] + b"?", '"two"'
    server.plan = [{"blind": blind}]
    fetch(server, path)
    assert path.read_bytes() == server.body


def test_without_a_version_or_a_hash_nothing_is_glued_together(server, path):
    server.etag = None
    leave_half(server, path)
    fetch(server, path)
    assert server.ranges_asked() == [None]


def test_with_a_hash_parts_are_gone_on_with_even_without_a_version(server, path):
    server.etag, server.plan = None, [{"break_after": HALF}]
    fetch(server, path, sha256=server.hashes()["sha256"])
    assert server.ranges_asked() == [None, f"bytes={HALF}-"]


def test_a_part_of_another_url_is_not_used(server, path):
    leave_half(server, path)
    memo = path.with_name("file.h5.part.json")
    memo.write_text(json.dumps(json.loads(memo.read_text()) | {"url": "http://elsewhere/file.h5"}))
    fetch(server, path)
    assert server.ranges_asked() == [None]


@pytest.mark.parametrize("total", [WHOLE, None])
def test_a_part_that_is_complete_becomes_the_file(server, path, total):
    leave_half(server, path)
    path.with_name("file.h5.part").write_bytes(server.body)
    path.with_name("file.h5.part.json").write_text(
        json.dumps({"url": server.url, "total": total, "version": '"one"'})
    )
    fetch(server, path, **server.hashes())
    assert path.read_bytes() == server.body
    assert server.ranges_asked() == ([] if total else [f"bytes={WHOLE}-"])  # answered by 416


def test_a_part_that_is_too_long_starts_over(server, path):
    leave_half(server, path)
    path.with_name("file.h5.part").write_bytes(server.body + b"more")
    fetch(server, path, **server.hashes())
    assert path.read_bytes() == server.body
    assert server.ranges_asked() == [f"bytes={WHOLE + 4}-", None]


@pytest.mark.parametrize("breaks", [False, True])
def test_a_length_that_the_server_does_not_tell_is_known_from_the_caller(server, path, breaks):
    server.plan = [{"length": False} | ({"break_after": HALF} if breaks else {}), {"length": False}]
    fetch(server, path, size=WHOLE)
    assert path.read_bytes() == server.body
    assert len(server.asked) == 1 + breaks


def test_a_body_without_end_is_cut_off(server, path):
    server.plan = [{"length": False}]
    with pytest.raises(DownloadError, match="should have 200 bytes and has 201"):
        fetch(server, path, size=200)
    assert names(path) == []


def test_a_slow_server_is_waited_for_and_the_bar_moves(server, path, capsys):
    server.plan = [{"pause": 0.03}]
    fetch(server, path, progress=True, timeout_s=5)
    assert path.read_bytes() == server.body
    bar = capsys.readouterr().err
    assert "file.h5:" in bar and "100%" in bar and "293k/293k" in bar


def test_the_bar_goes_on_from_what_is_there(server, path, capsys):
    leave_half(server, path)
    fetch(server, path, progress=True)
    assert "50%" in capsys.readouterr().err


def test_a_silent_server_is_noticed_and_the_part_kept(server, path):
    server.plan = [{"stall_after": HALF}, {"stall_after": 0}, {"stall_after": 0}]
    with pytest.raises(
        DownloadError, match=r"silent for 0\.1 s. 150,000 bytes are kept in"
    ) as error:
        fetch(server, path, timeout_s=0.1)
    assert f"put it at {path}" in str(error.value)
    assert names(path) == ["file.h5.part", "file.h5.part.json"]
    fetch(server, path)
    assert path.read_bytes() == server.body


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": WHOLE + 1}, "should have 300,001 bytes and has 300,000"),
        ({"sha256": "0" * 64}, "its sha256 should be 0000.* and is [0-9a-f]{64}.*removed"),
        ({"md5": "0" * 32}, "its md5 should be 0000.* and is [0-9a-f]{32}.*removed"),
    ],
)
def test_a_wrong_file_is_not_left_in_place(server, path, settings, message):
    with pytest.raises(DownloadError, match=message) as error:
        fetch(server, path, **settings)
    assert server.url in str(error.value) and f"by hand and put it at {path}" in str(error.value)
    assert names(path) == []


def test_the_first_digits_of_a_hash_are_enough(server, path):
    """As PyTorch puts them into the names of its files."""
    with pytest.raises(DownloadError, match="its sha256 should begin with 00000000 and is"):
        fetch(server, path, sha256="0" * 8)
    fetch(server, path, sha256=server.hashes()["sha256"][:8])
    assert path.read_bytes() == server.body


def test_a_file_that_does_not_fit_is_named_where_the_right_one_cannot_be_had(server, path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(server.body[:HALF])
    server.plan = [{"status": 404}]
    with pytest.raises(DownloadError, match=f"is not used. Delete it if in doubt: {path}"):
        fetch(server, path, sha256=server.hashes()["sha256"][:8])


@pytest.mark.parametrize("settings", [{}, {"size": WHOLE}], ids=["signature", "size"])
def test_a_login_page_is_refused_and_costs_nothing(server, path, settings):
    leave_half(server, path)
    server.ranges, server.plan = False, [{"body": HTML}]
    with pytest.raises(DownloadError, match=r"HTML page.*Open the address in a browser"):
        fetch(server, path, **settings)
    server.ranges = True
    server.asked.clear()
    fetch(server, path)
    assert server.ranges_asked() == [f"bytes={HALF}-"]


def test_the_kind_can_be_given_and_other_suffixes_are_taken_as_they_are(server, tmp_path):
    server.body = b"id,name\n"
    assert fetch(server, tmp_path / "labels.csv").read_bytes() == b"id,name\n"
    with pytest.raises(DownloadError, match="HDF5"):
        fetch(server, tmp_path / "weights", kind="h5")


def test_an_empty_file_can_be_fetched(server, tmp_path):
    server.body = b""
    assert fetch(server, tmp_path / "labels.csv").read_bytes() == b""


def test_a_good_file_is_not_fetched_again(server, path):
    fetch(server, path)
    fetch(server, path, **server.hashes())
    assert len(server.asked) == 1


@pytest.mark.parametrize("works", [True, False])
def test_a_file_that_does_not_fit_stays_until_the_right_one_has_come(server, path, works, caplog):
    path.parent.mkdir()
    path.write_bytes(server.body[:HALF])
    server.plan = [] if works else [{"break_after": HALF}, {"status": 404}]
    if works:
        fetch(server, path, **server.hashes())
    else:
        with pytest.raises(DownloadError, match="Nothing was replaced"):
            fetch(server, path, **server.hashes())
    assert path.read_bytes() == (server.body if works else server.body[:HALF])
    assert "should have 300,000 bytes and has 150,000" in caplog.text


def test_a_missing_file_is_said_at_once(server, path):
    server.plan = [{"status": 404}]
    with pytest.raises(
        DownloadError, match="404 Not Found.*continue without it: use --weights none"
    ) as error:
        fetch(server, path, otherwise="use --weights none")
    assert server.url in str(error.value) and f"put it at {path}" in str(error.value)
    assert len(server.asked) == 1
    assert names(path) == []


def test_being_offline_is_said_at_once(path, monkeypatch):
    monkeypatch.setattr(module, "PAUSES_S", (60,))
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as gone:
        url = f"http://127.0.0.1:{gone.server_port}/file.h5"
    with pytest.raises(
        DownloadError,
        match="could not be downloaded: .*refused.* Nothing has arrived.*without it: paint",
    ) as error:
        download(url, path, progress=False, otherwise="paint")
    assert url in str(error.value) and f"put it at {path}" in str(error.value)


def test_a_folder_that_cannot_be_made_is_no_network_error(server, tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(DownloadError, match="could not be written.*without it: paint"):
        fetch(server, tmp_path / "folder" / "file.h5", otherwise="paint")
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "name", "kind", "message"),
    [
        ("file:///etc/hosts", "x.h5", None, "http://"),
        ("http://a/b.h5", "", None, "is a folder.*b.h5"),
        ("http://a/b.h5", "x.h5", "zip", "one of h5"),
    ],
)
def test_arguments_are_checked_at_the_door(tmp_path, url, name, kind, message):
    with pytest.raises(ValueError, match=message):
        download(url, tmp_path / name, kind=kind)


def test_two_that_want_the_same_file_fetch_it_once(server, path):
    server.plan = [{"pause": 0.02}]
    threads = [
        threading.Thread(target=fetch, args=(server, path), kwargs=server.hashes())
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == server.body
    assert len(server.asked) == 1
    assert names(path) == ["file.h5"]


@pytest.fixture
def stalled_process(server, path):
    """A process of its own that has fetched half of the file and waits for the rest."""
    server.plan = [{"stall_after": HALF}]
    code = (
        f"from mrcnn.weights.download import download; download({server.url!r}, "
        f"{str(path)!r}, progress=False)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        part, patience = path.with_name("file.h5.part"), time.monotonic() + 60
        while not (part.exists() and part.stat().st_size >= HALF - module.CHUNK_BYTES):
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.01)
        yield process
        process.kill()


def test_a_killed_process_leaves_a_part_and_no_lock(server, path, stalled_process):
    stalled_process.kill()  # SIGKILL
    stalled_process.wait()
    kept = path.with_name("file.h5.part").stat().st_size
    assert 0 < kept <= HALF and not path.exists()
    fetch(server, path, **server.hashes())
    assert path.read_bytes() == server.body
    assert names(path) == ["file.h5"]
    assert server.ranges_asked() == [None, f"bytes={kept}-"]


def test_who_waits_takes_over_from_a_killed_process(server, path, stalled_process, caplog):
    thread = threading.Thread(target=fetch, args=(server, path), kwargs=server.hashes())
    thread.start()
    thread.join(0.15)
    assert (
        thread.is_alive()
        and "Another process is downloading file.h5" in caplog.text
        and len(server.asked) == 1
    )
    stalled_process.kill()
    thread.join()
    assert path.read_bytes() == server.body
    assert names(path) == ["file.h5"]
    assert len(server.asked) == 2 and server.ranges_asked()[1] is not None


def test_without_locks_a_warning_is_given(server, path, monkeypatch, caplog):
    def no_locks(_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module, "_lock", no_locks)
    fetch(server, path)
    assert "cannot be locked" in caplog.text
    assert path.read_bytes() == server.body


def test_the_coco_weights_are_checked_in_every_way_that_is_known(server, path, monkeypatch, capsys):
    monkeypatch.setattr(published, "COCO_MODEL_URL", server.url)
    with pytest.raises(DownloadError, match="should have 257,557,808 bytes and has 300,000"):
        download_trained_weights(str(path))
    monkeypatch.setattr(published, "COCO_MODEL_SIZE", WHOLE)
    with pytest.raises(
        DownloadError, match=f"md5 should be {published.COCO_MODEL_MD5}.*without load_weights"
    ):
        download_trained_weights(str(path))
    monkeypatch.setattr(published, "COCO_MODEL_MD5", server.hashes()["md5"])
    capsys.readouterr()
    download_trained_weights(str(path), verbose=0)
    assert capsys.readouterr().err == ""
    assert path.read_bytes() == server.body


@pytest.fixture
def resnet50(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(published, "RESNET50_URL", server.url)
    monkeypatch.setattr(published, "RESNET50_SIZE", WHOLE)
    monkeypatch.setattr(published, "RESNET50_MD5", server.hashes()["md5"])
    return tmp_path / "models" / "file.h5"


def test_the_resnet50_file_is_fetched_once_and_leaves_that_of_keras_alone(server, resnet50):
    resnet50.parent.mkdir()
    resnet50.write_bytes(b"the newer file of the same name")
    found = imagenet_resnet50_weights()
    assert imagenet_resnet50_weights() == found and isinstance(found, str)
    assert Path(found).read_bytes() == server.body and resnet50.parent in Path(found).parents
    assert resnet50.read_bytes() == b"the newer file of the same name"
    assert len(server.asked) == 1


def test_the_resnet50_file_that_an_old_keras_left_is_used(server, resnet50):
    resnet50.parent.mkdir()
    resnet50.write_bytes(server.body)
    assert imagenet_resnet50_weights() == str(resnet50)
    assert server.asked == []
