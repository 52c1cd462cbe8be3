"""A server of a fake model in a process of its own, under load and under attack."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

httpx = pytest.importorskip("httpx")

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
HALF = (
    b"POST /api/detect HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
)
RAW = (
    b"POST /api/detect HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
)
MEGABYTE = 1 << 20

pytestmark = pytest.mark.slow


def connect(address):
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def send(address, data, **options):
    files = {"photo": ("p.jpg", data)}
    return httpx.post(f"{address}/api/detect", files=files, timeout=60, **options)


def is_closed(connection):
    """Waits until the server has closed a connection; what it sent before is dropped."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(1 << 16):
            pass
    return True


def png_bomb(width, height):
    """A black PNG of one bit a pixel, which says what it holds truly."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    packer, row = zlib.compressobj(9), bytes(width // 8 + 1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def server(serving):
    with serving(seconds=0.01) as found:
        yield found


def test_of_200_uploads_at_once_each_is_answered_or_told_to_come_again(server, fakes):
    address, process = server
    data = fakes.photo((1200, 900))
    send(address, data)
    before = process.memory_info().rss

    async def ask():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=120, limits=limits) as client:
            files = [{"photo": ("p.jpg", data)} for _ in range(200)]
            posts = [client.post(f"{address}/api/detect", files=one) for one in files]
            return await asyncio.gather(*posts)

    answers = asyncio.run(ask())
    assert {answer.status_code for answer in answers} <= {200, 503}
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(good) >= 16 and all(answer == good[0] for answer in good)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert process.memory_info().rss - before < 150 * MEGABYTE
    assert send(address, data).status_code == 200


def test_half_sent_uploads_do_not_hold_up_a_good_one(server, fakes):
    address, _ = server
    data = fakes.photo((800, 600))

    def seconds():
        began = time.monotonic()
        assert send(address, data).status_code == 200
        return time.monotonic() - began

    alone = min(seconds() for _ in range(3))
    with contextlib.ExitStack() as stack:
        for _ in range(80):
            stack.enter_context(connect(address)).sendall(HALF)
        beside = min(seconds() for _ in range(3))
    assert beside < alone + 0.5


def test_a_bomb_takes_no_time_and_no_memory(server):
    address, process = server
    before, cpu = process.memory_info().rss, process.cpu_times().user
    bomb = png_bomb(50_000, 50_000)
    assert len(bomb) < 400_000
    answer = send(address, bomb)
    assert answer.status_code == 413 and "50000 x 50000 pixels" in answer.json()["detail"]
    assert process.cpu_times().user - cpu < 0.5
    assert process.memory_info().rss - before < 20 * MEGABYTE


def test_a_large_photo_is_cut_off_while_it_is_sent(server):
    address, process = server
    before, sent = process.memory_info().rss, []

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(300):
            sent.append(1)
            yield bytes(MEGABYTE)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{address}/api/detect", content=endless(), headers=kind, timeout=60)
    assert answer.status_code == 413 and "12 MB" in answer.json()["detail"]
    assert len(sent) < 200
    announced = send(address, bytes(20 * MEGABYTE))
    assert announced.status_code == 413 and announced.headers["connection"] == "close"
    assert process.memory_info().rss - before < 60 * MEGABYTE


def test_a_client_that_asks_first_is_refused_before_it_sends(server):
    with connect(server[0]) as client:
        client.sendall(
            b"POST /api/detect HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.full
def test_random_bodies_do_no_harm(server, fakes):
    address, process = server
    rng, data = np.random.default_rng(0), fakes.photo((90, 60))
    statuses, before = set(), process.memory_info().rss
    kinds = ["image/jpeg", "image/png", "image/webp", "multipart/form-data; boundary=x", "x/y"]
    form = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    form += data + b"\r\n--x--\r\n"
    with httpx.Client(timeout=60) as client:
        for number in range(1000):
            body = bytearray([data, form, fakes.photo(kind="PNG"), b"RIFF0000WEBPVP8X"][number % 4])
            for _ in range(rng.integers(1, 20)):
                body[rng.integers(len(body))] = rng.integers(256)
            body = bytes(body[: rng.integers(len(body) + 1)] if number % 3 else body)
            kind = {"Content-Type": kinds[rng.integers(len(kinds))]}
            answer = client.post(f"{address}/api/detect", content=body, headers=kind)
            assert "/work" not in answer.text and " at 0x" not in answer.text
            statuses.add(answer.status_code)
    assert statuses <= {200, 400, 413, 415}
    assert process.memory_info().rss - before < 50 * MEGABYTE
    assert send(address, data).status_code == 200


def test_what_is_no_http_is_answered_or_closed(server):
    rng = np.random.default_rng(1)
    for number in range(100):
        with connect(server[0]) as client:
            start = [b"", b"GET / HTTP/1.1\r\n", b"POST /api/detect HTTP/1.1\r\n"][number % 3]
            client.sendall(start + rng.bytes(300) + b"\r\n\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            assert is_closed(client)
    assert httpx.get(f"{server[0]}/healthz").status_code == 200


def test_slow_clients_are_given_up(serving, fakes):
    limits = {"header_seconds": 0.3, "body_seconds": 0.5, "stalled_seconds": 0.5}
    with serving(**limits) as (address, _):
        silent, partial, half, late = (connect(address) for _ in range(4))
        partial.sendall(b"GET / HTT")
        half.sendall(HALF)
        late.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert late.recv(100).startswith(b"HTTP/1.1 200")
        late.sendall(b"G")  # a second request that never comes
        assert half.recv(100).startswith(b"HTTP/1.1 408")
        for connection in (silent, partial, late, half):
            assert is_closed(connection)
            connection.close()
        assert send(address, fakes.photo()).status_code == 200


def test_a_client_that_does_not_read_is_given_up(serving, fakes):
    with serving(stalled_seconds=0.3) as (address, process):
        with connect(address) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = b"GET /page.js HTTP/1.1\r\nHost: a\r\n\r\n"
            with contextlib.suppress(OSError):
                client.settimeout(0.5)
                client.sendall(request * 5000)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                if not [c for c in process.net_connections() if c.status == "ESTABLISHED"]:
                    break
            else:
                pytest.fail("the connection is still open")
        assert send(address, fakes.photo()).status_code == 200


def test_a_photo_of_a_client_that_has_gone_is_not_predicted(serving, fakes):
    with serving(seconds=0.5) as (address, _):
        data = fakes.photo()
        first = connect(address)
        first.sendall(RAW % len(data) + data)
        gone = [connect(address) for _ in range(8)]
        for connection in gone:
            connection.sendall(RAW % len(data) + data)
            connection.close()
        assert first.recv(100).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert send(address, data).status_code == 200
        assert time.monotonic() - began < 8 * 0.5
        first.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_running_requests_finish(serving, fakes, number):
    with serving(seconds=1.0) as (address, process):
        data = fakes.photo()
        with connect(address) as client:
            client.sendall(RAW % len(data) + data)
            httpx.get(f"{address}/livez")  # what came before has been read, too
            process.send_signal(number)
            content = b""
            while piece := client.recv(1 << 16):
                content += piece
        assert content.startswith(b"HTTP/1.1 200") and content.endswith(b"]}")
        assert process.wait(60) == 0


def test_a_model_that_cannot_be_loaded_ends_the_service():
    done = subprocess.run(
        [sys.executable, str(HERE / "fakes.py"), "broken='no weights here'"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0 and "no weights here" in done.stderr


def test_a_taken_port_is_one_clear_error():
    from fashion.service.server import listen_at

    with listen_at("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as found:
            listen_at("127.0.0.1", port)
    reason = os.strerror(errno.EADDRINUSE)
    assert str(found.value) == (
        f"The service cannot listen at 127.0.0.1, port {port}: {reason}. Choose another --port, or "
        "an address of this machine as --host."
    )


def test_an_address_that_is_not_of_this_machine_is_one_clear_error():
    from fashion.service.server import listen_at

    # 192.0.2.0/24 is kept for documentation, and no name ends with .invalid.
    for host, reason in (
        ("192.0.2.1", os.strerror(errno.EADDRNOTAVAIL)),
        ("x.invalid", "Its address is not known"),
    ):
        with pytest.raises(OSError) as found:
            listen_at(host, 8000)
        assert str(found.value).startswith(
            f"The service cannot listen at {host}, port 8000: {reason}. Choose"
        )
