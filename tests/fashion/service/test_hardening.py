"""What strangers may send: it is refused with a clear status, and nothing of the machine shows."""

import io
import json
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image


def post(client, data, path="/api/detect", kind="image/jpeg", **options):
    return client.post(path, content=data, headers={"Content-Type": kind}, **options)


def png(width, height, rows=b""):
    """A PNG of one bit a pixel that says to have this size."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def webp_canvas(width, height):
    """A WebP whose extended header says to have this size."""
    body = b"\x00" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def jpeg_of_size(width, height):
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xda" + b"x" * 99


def other(kind):
    content = io.BytesIO()
    Image.new("RGB", (30, 30)).save(content, kind)
    return content.getvalue()


@pytest.fixture
def served(client):
    return client(most_bytes=100_000, most_pixels=1_000_000)


@pytest.mark.parametrize(
    "data", [png(50_000, 50_000), webp_canvas(16_000, 16_000), jpeg_of_size(60_000, 60_000)]
)
def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(served, data, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *args, **options: pytest.fail("was opened"))
    answer = post(served, data)
    assert answer.status_code == 413 and "1 million are the most" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM", "ICO"])
def test_other_kinds_of_images_are_refused(served, kind):
    answer = post(served, other(kind))
    assert answer.status_code == 415 and "JPEG, PNG or WebP" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 415),
        (b"<script>alert(1)</script>", 415),
        (b"\xff\xd8\xff", 415),
        (b"\x89PNG\r\n\x1a\n", 415),
        (b"RIFF\x00\x00\x00\x00WEBP", 415),
        (png(0, 10), 415),
        (png(20, 20), 415),
    ],
)
def test_what_is_no_photo_is_refused(served, data, status):
    answer = post(served, data)
    assert answer.status_code == status
    assert "0x" not in answer.text and "BytesIO" not in answer.text and "/" not in answer.text


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
def test_a_photo_that_is_cut_off_is_refused(served, fakes, share):
    noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "JPEG")
    data = content.getvalue()
    answer = post(served, data[: int(share * len(data))])
    assert answer.status_code == 415 and "damaged or cut off" in answer.json()["detail"]


def test_a_jpeg_of_very_many_scans_is_refused(served, fakes):
    data = fakes.photo(progressive=True)
    assert post(served, data).status_code == 200
    answer = post(served, data + b"\xff\xda" * 200)
    assert answer.status_code == 415 and "scans" in answer.json()["detail"]


@pytest.mark.parametrize(
    "tail", [b"<html><script>alert(1)</script>", b"PK\x03\x04" + b"\0" * 40, b"%PDF-1.7\n%%EOF"]
)
def test_of_a_file_of_two_kinds_only_the_photo_counts(served, fakes, tail):
    answer = post(served, fakes.photo() + tail)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert "script" not in answer.text.replace("<img src=x onerror", "")


def test_a_body_that_is_too_large_is_refused_with_and_without_a_length(served):
    assert post(served, b"x" * 200_000).status_code == 413

    def pieces():
        for _ in range(40):
            yield b"x" * 10_000

    assert post(served, pieces()).status_code == 413
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    start = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    answer = served.post("/api/detect", content=iter([start, *pieces()]), headers=form)
    assert answer.status_code == 413 and "larger than" in answer.json()["detail"]


def test_many_bodies_at_once_do_not_fill_the_memory(client):
    served = client(most_bytes_held=50_000)
    answer = post(served, b"x" * 60_000)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert post(served, b"x" * 100).status_code == 415


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"hello", 415),
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=b", b"--b--", 400),
        ("multipart/form-data; boundary=b", b"--x\r\n\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nbad\r\n\r\n", 400),
    ],
)
def test_bodies_that_hold_no_photo_are_refused(served, kind, body, status):
    assert post(served, body, kind=kind).status_code == status


def test_a_form_without_the_field_photo_is_refused(served, fakes):
    answer = served.post("/api/detect", files={"image": ("p.jpg", fakes.photo())})
    assert answer.status_code == 400 and "no file named photo" in answer.json()["detail"]
    answer = served.post("/api/detect", data={"photo": "text"})
    assert answer.status_code == 415
    two = [("photo", ("a", fakes.photo())), ("photo", ("b", fakes.photo()))]
    assert served.post("/api/detect", files=two).status_code == 400


def test_a_strip_that_no_canvas_holds_is_refused(served, fakes, monkeypatch):
    def refuse(*args):
        raise ValueError("/secret/path")

    monkeypatch.setattr("fashion.service.served.check_placeable", refuse)
    answer = post(served, fakes.photo())
    assert answer.status_code == 422 and "secret" not in answer.text


def test_every_answer_has_the_security_headers_and_an_id(served, fakes):
    for answer in (
        served.get("/"),
        served.get("/nothing"),
        served.get("/healthz"),
        post(served, fakes.photo()),
        post(served, b"x" * 200_000),
        served.delete("/api/detect"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert len(answer.headers["x-request-id"]) == 32
        assert (
            "access-control-allow-origin" not in answer.headers and "server" not in answer.headers
        )


def test_a_client_may_name_its_request_but_not_break_the_log(served):
    assert served.get("/livez", headers={"X-Request-ID": "a-1"}).headers["x-request-id"] == "a-1"
    for bad in ("x" * 65, 'a"b', "a b", "ä"):
        answer = served.get("/livez", headers={"X-Request-ID": bad.encode()})
        assert answer.headers["x-request-id"] != bad


def test_a_fault_of_the_program_is_told_by_its_id_only(client, fakes, caplog):
    served = client()
    served.service.fake.predictor.stream = lambda images: 1 / 0
    logging.getLogger("fashion.service").propagate = True
    answer = post(served, fakes.photo(), kind="image/jpeg")
    assert answer.status_code == 500
    identity = answer.headers["x-request-id"]
    assert answer.json() == {
        "detail": f"Something went wrong on the server. Its log has more, under {identity}."
    }
    (record,) = [record for record in caplog.records if record.getMessage() == "error"]
    assert record.exc_info[0] is TypeError or record.exc_info[0] is ZeroDivisionError
    assert post(served, fakes.photo()).status_code == 500  # and the worker lives on


def test_each_request_is_a_line_of_json_in_the_log(client, fakes):
    from fashion.service.gate import JsonLines

    served, lines = client(), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonLines().format(record))
    logger = logging.getLogger("fashion.service")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        post(served, fakes.photo(), path="/api/detect", params={"confidence": 0.7})
        served.get("/a%22%0Ab")
    finally:
        logger.removeHandler(handler)
    first, second = map(json.loads, lines)
    assert first["event"] == "request" and first["status"] == 200 and first["garments"] == 1
    assert first["path"] == "/api/detect" and first["photo_hw"] == [80, 60]
    assert {"time", "level", "request_id", "client", "seconds", "waited", "bytes"} <= first.keys()
    assert second["status"] == 404 and "\n" not in lines[1]


def test_names_of_labels_stay_texts(served, fakes):
    names = [g["category"] for g in post(served, fakes.photo()).json()["garments"]]
    assert fakes.HOSTILE in names
    names = ("app.js", "page.js", "similar.js", "trends.js", "trend_plot.js", "elements.js")
    for name in (*names, "server_engine.js", "drawing.js"):
        code = served.get(f"/{name}").text
        assert "innerHTML" not in code and "insertAdjacentHTML" not in code and "eval(" not in code
    page = served.get("/").text
    assert "<script>" not in page and " onclick=" not in page and "style=" not in page
