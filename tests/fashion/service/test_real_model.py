"""The shipped model behind the service: the same numbers, and memory that stays."""

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fashion.evaluation.io.results import coco_results
from mrcnn.data.image_io import read_image

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "docs" / "astronaut_photo.jpg"
LARGEST = 1.4e9  # bytes


@pytest.fixture
def shipped():
    """The shipped model as the verb loads it."""
    from fashion import serve
    from fashion.commands.serve import _load

    return _load(serve.parse(["--conf", "0.2"]), None)


def test_answers_equal_what_the_model_predicts(shipped):
    testclient = pytest.importorskip("fastapi.testclient", reason="needs httpx")
    from fashion.service.app import create_app
    from fashion.service.running import Service
    from fashion.service.settings import ServiceSettings

    (result,) = shipped.model.predict([read_image(PHOTO, upright=True)])
    expected = coco_results(result, 1, shipped.model.ontology)
    assert len(expected) > 2 and shipped.least == 0.05
    service = Service(lambda: shipped, ServiceSettings())
    with testclient.TestClient(create_app(service)) as client:
        while not service.is_ready:
            time.sleep(0.01)
        for least in (0.05, 0.2, 0.5):
            photo = {"photo": PHOTO.read_bytes()}
            url = f"/api/detect?confidence={least}"
            answer = client.post(url, files=photo).json()["garments"]
            wanted = [row for row in expected if row["score"] >= least]
            assert len(answer) == len(wanted)
            for garment, row in zip(answer, wanted, strict=True):
                for name in ("category_id", "bbox", "segmentation", "score"):
                    assert garment[name] == row[name]
                assert sorted(a["id"] for a in garment["attributes"]) == row["attribute_ids"]
        grid = client.post("/api/detect?masks=grid", files=photo).json()["garments"][0]["grid"]
    values = np.frombuffer(base64.b64decode(grid["data"]), "<f4").reshape(grid["size"])
    np.testing.assert_array_equal(values, result["mask_probabilities"][0])


def test_200_uploads_at_once_are_answered_within_the_memory():
    httpx, psutil = pytest.importorskip("httpx"), pytest.importorskip("psutil")
    process = subprocess.Popen(
        [sys.executable, "-m", "fashion", "serve", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address, data = process.stdout.readline().split()[0], PHOTO.read_bytes()

    async def ask():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=300, limits=limits) as client:
            posts = [
                client.post(f"{address}/api/detect", files={"photo": data}) for _ in range(200)
            ]
            return await asyncio.gather(*posts)

    try:
        while httpx.get(f"{address}/healthz", timeout=300).status_code != 200:
            assert process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        answers = asyncio.run(ask())
        memory = psutil.Process(process.pid).memory_info().rss
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.stdout.close()
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(good) >= 16 and all(answer == good[0] for answer in good)
    assert memory < LARGEST, f"{memory / 1e6:.0f} MB"
