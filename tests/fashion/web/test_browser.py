"""The page in headless Chromium computes what the exported file computes in ONNX Runtime."""

import base64
import contextlib
import functools
import http.server
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fashion import export, page
from mrcnn.data.image_io import read_image
from mrcnn.inference.exported import ExportedPredictor

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "docs" / "astronaut_photo.jpg"
RUN = """
const done = arguments[arguments.length - 1];
const pixels = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
garments.engine.run(pixels, arguments[1]).then((found) => {
  const rows = {};
  for (const [name, { data }] of Object.entries(found)) rows[name] = Array.from(data, Number);
  done(rows);
}, (error) => done(String(error)));
"""
AS_JSON = """
const done = arguments[arguments.length - 1];
import("./downloads.js").then((downloads) => {
  const { garments: found, photo, model } = garments.state;
  done([downloads.asJson(found, photo, model), downloads.asCsv(found, photo, model)]);
});
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    folder = tmp_path_factory.mktemp("exported")
    weights = str(ROOT / "weights" / "ccp.h5")
    (file,) = export.main(["--weights", weights, "--images", str(PHOTO), "--out", str(folder)])
    return file


@pytest.fixture(scope="module")
def folder(exported, tmp_path_factory):
    """The page, with ONNX Runtime Web from npm."""
    out = tmp_path_factory.mktemp("page")
    try:
        page.main(["--weights", str(exported), "--samples", str(PHOTO), "--out", str(out)])
    except OSError as error:
        pytest.skip(f"needs ONNX Runtime Web: {error}")
    return out


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder):
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(folder):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument("--window-size=1280,1000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    with served(folder) as address, webdriver.Chrome(options=options, service=service) as opened:
        opened.set_script_timeout(120)
        opened.get(address)
        _wait(opened, "return document.body.classList.contains('ready') || !problem.hidden")
        assert not _text(opened, "#problem")
        yield opened


def _wait(browser, condition, seconds=120):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, seconds).until(lambda opened: opened.execute_script(condition))


def _text(browser, selector):
    script = "return document.querySelector(arguments[0]).textContent.trim()"
    return browser.execute_script(script, selector)


def _predicted(browser):
    """Opens the sample photo, and returns its garments."""
    _wait(browser, "return !garments.state.busy")
    browser.find_element("css selector", "#samples button").click()
    _wait(browser, "return !garments.state.busy && garments.state.garments.length > 0")
    return browser.execute_script("return garments.state.garments")


def _model(exported):
    from fashion.exported import ExportedModel

    return ExportedModel(exported)


def test_the_same_network_input_gives_the_same_detections(browser, exported):
    model = ExportedPredictor(exported)
    height, width = model.metadata["image_hw"]
    pixels = np.zeros((height, width, 3), np.uint8)
    photo = Image.open(PHOTO).convert("RGB")
    photo.thumbnail((width, height))
    pixels[: photo.height, : photo.width] = np.asarray(photo)
    window = [0.0, 0.0, float(photo.height), float(photo.width)]
    text = base64.b64encode(pixels.tobytes()).decode()
    theirs = browser.execute_async_script(RUN, text, window)
    ours = model.detect_molded(pixels[None], np.array([window], np.float32))
    rows = np.flatnonzero(ours["valid"][0])
    assert theirs["count"] == [len(rows)] and len(rows) > 3
    for name, tolerance in (("boxes", 1e-3), ("scores", 1e-4), ("mask_probabilities", 1e-3)):
        column = np.reshape(theirs[name], ours[name].shape)[0][rows]
        np.testing.assert_allclose(column, ours[name][0][rows], atol=tolerance)
    np.testing.assert_array_equal(theirs["class_ids"][: len(rows)], ours["class_ids"][0][rows])


def test_a_photo_gives_the_boxes_masks_and_attributes_of_the_library(browser, exported, folder):
    (sample,) = (folder / "samples").iterdir()
    theirs = _predicted(browser)
    photo = read_image(sample)
    model = _model(exported)
    (ours,) = model.predict([photo])
    count = int((ours["scores"] >= 0.2).sum())
    assert count > 0
    for row in range(count):
        category = model.ontology.category_id_of(int(ours["class_ids"][row]))
        assert theirs[row]["categoryId"] == category
        np.testing.assert_allclose(theirs[row]["box"], ours["boxes"][row], atol=0.5)
        assert theirs[row]["score"] == pytest.approx(float(ours["scores"][row]), abs=0.02)
    written, table = browser.execute_async_script(AS_JSON)
    mask = written["predictions"][0]["segmentation"]
    assert mask["size"] == list(photo.shape[:2])
    from mrcnn.inference.pasting import full_masks

    whole = full_masks(ours)[:, :, 0]
    drawn = coco_mask.decode({"size": mask["size"], "counts": mask["counts"].encode()}).astype(bool)
    assert (whole & drawn).sum() / (whole | drawn).sum() > 0.98
    assert len(table.splitlines()) == 1 + len(theirs)


def test_the_slider_chooses_what_is_listed(browser):
    garments = _predicted(browser)
    for confidence in (0.05, 0.3, 0.9):
        browser.execute_script(
            "confidence.value = arguments[0]; confidence.dispatchEvent(new Event('input'))",
            confidence,
        )
        listed = browser.execute_script("return document.querySelectorAll('#garments > li').length")
        assert listed == sum(garment["score"] >= confidence for garment in garments)


def test_a_text_file_is_refused_with_a_sentence(browser, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    browser.find_element("css selector", "#file").send_keys(str(tmp_path / "notes.txt"))
    _wait(browser, "return !problem.hidden")
    assert "cannot be read as an image" in _text(browser, "#problem")


def test_nothing_is_loaded_from_elsewhere_and_nothing_fails(browser, folder):
    names = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    origin = browser.execute_script("return location.origin")
    assert names and all(name.startswith((origin, "blob:", "data:")) for name in names)
    severe = [row["message"] for row in browser.get_log("browser") if row["level"] == "SEVERE"]
    assert not severe
