"""The page of a server in headless Chromium, on a desktop and on a phone, with a fake model."""

import shutil

import pytest

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]

SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}
AS_JSON = """
const done = arguments[arguments.length - 1];
import("./downloads.js").then(({ asJson }) => {
  const { garments: found, photo, model } = garments.state;
  done(asJson(found, photo, model));
});
"""
HIT = "document.querySelector('dialog#hit')"
FINDING = "document.querySelector('.finding').textContent"
Y = "getAttribute('cy')"


@pytest.fixture(scope="module")
def server(serving):
    with serving() as (address, _):
        yield address


@pytest.fixture(scope="module")
def chromium():
    webdriver = pytest.importorskip("selenium.webdriver")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as opened:
        yield opened


@pytest.fixture(params=SIZES)
def browser(request, chromium, server):
    width, height = SIZES[request.param]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    metrics["mobile"] = request.param == "phone"
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get(server)
    _wait(chromium, "document.body.classList.contains('ready')")
    yield chromium
    severe = [row["message"] for row in chromium.get_log("browser") if row["level"] == "SEVERE"]
    assert not [message for message in severe if "status of 4" not in message]
    assert chromium.title != "hacked"
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def dated(serving):
    with serving(index="dated") as (address, _):
        yield address


def _wait(browser, condition, seconds=60):
    from selenium.webdriver.support.ui import WebDriverWait

    script = f"return {condition}"
    WebDriverWait(browser, seconds).until(lambda opened: opened.execute_script(script))


def _find(browser, selector):
    return browser.find_element("css selector", selector)


def _click(browser, selector):
    """Clicks, wherever the page scrolls at the moment."""
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def _texts(browser, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    return browser.execute_script(script, selector)


def _open(browser, fakes, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(fakes.photo((300, 400)))
    _find(browser, "#file").send_keys(str(tmp_path / "photo.jpg"))
    _wait(browser, "!garments.state.busy && garments.state.garments.length > 0")


def _pixel(browser, x, y):
    script = "return [...photo.getContext('2d').getImageData(...arguments, 1, 1).data]"
    return browser.execute_script(script, x, y)


def test_a_photo_shows_its_masks_attributes_and_names_as_texts(browser, fakes, tmp_path):
    _open(browser, fakes, tmp_path)
    names = _texts(browser, "#garments .garment b")
    assert names == ["1 dress", f"2 {fakes.HOSTILE}"]
    assert _texts(browser, "#garments > li:first-child ul li") == ["red"]
    assert _texts(browser, "#garments > li:nth-child(2) ul li") == [fakes.HOSTILE]
    assert not browser.execute_script("return document.querySelectorAll('img[src=x]').length")
    assert "sent to this server" in _texts(browser, "#privacy")[0]
    inside, outside = (150, 200), (5, 395)
    covered = _pixel(browser, *inside)
    _click(browser, "#show-masks")
    bare = _pixel(browser, *inside)
    assert covered != bare and bare[:3] == _pixel(browser, *outside)[:3]


def test_downloads_hold_what_the_api_answers(browser, server, fakes, tmp_path):
    _open(browser, fakes, tmp_path)
    written = browser.execute_async_script(AS_JSON)
    photo = {"photo": (tmp_path / "photo.jpg").read_bytes()}
    url = f"{server}/api/detect?confidence=0.05&attribute_confidence=0.01"
    answer = pytest.importorskip("httpx").post(url, files=photo, timeout=60).json()
    assert len(written["predictions"]) == 3
    for ours, theirs in zip(answer["garments"], written["predictions"], strict=True):
        assert theirs["segmentation"] == ours["segmentation"]
        assert theirs["score"] == ours["score"] and theirs["category"] == ours["category"]
        assert theirs["bbox"] == pytest.approx(ours["bbox"])
        assert theirs["attribute_ids"] == sorted(row["id"] for row in ours["attributes"])


def test_the_slider_chooses_what_is_listed_and_drawn(browser, fakes, tmp_path):
    _open(browser, fakes, tmp_path)
    move = "confidence.value = arguments[0]; confidence.dispatchEvent(new Event('input'))"
    for confidence, count in ((0.05, 3), (0.7, 1), (0.95, 0)):
        browser.execute_script(move, confidence)
        assert len(_texts(browser, "#garments > li")) == count
    assert "3 have less" in _texts(browser, "#summary")[0]


def test_a_search_shows_pictures_and_a_click_opens_one(browser, fakes, tmp_path):
    _open(browser, fakes, tmp_path)
    _click(browser, "#garments .search")
    loaded = "[...document.querySelectorAll('#similar img')].every((i) => i.naturalWidth > 0)"
    _wait(browser, f"document.querySelectorAll('#similar img').length == 3 && {loaded}")
    assert _texts(browser, "#similar li b") == ["dress"] * 3
    _click(browser, "#similar input")
    _wait(browser, "document.querySelectorAll('#similar li').length == 6")
    assert fakes.HOSTILE in _texts(browser, "#similar li b")
    _click(browser, "#similar li button")
    _wait(browser, f"{HIT} && {HIT}.open")
    assert _texts(browser, "#hit .attributes li") == ["red", fakes.HOSTILE]
    assert "photo-0.jpg" in _texts(browser, "#hit .summary")[0]
    assert "secret" not in browser.page_source
    swatch = "return getComputedStyle(document.querySelector('#hit .swatch')).backgroundColor"
    assert browser.execute_script(swatch) == "rgb(170, 34, 17)"
    _click(browser, "#hit button")
    _wait(browser, "document.querySelector('#similar h2').textContent.includes('photo-0.jpg')")
    _wait(browser, "document.querySelectorAll('#similar li').length == 4")  # of other photos
    assert not browser.execute_script(f"return {HIT}")


def _open_trends(browser, address):
    browser.get(address)
    _wait(browser, "document.querySelector('#trends button')")
    assert not _find(browser, "#trend-panel").is_displayed()
    _find(browser, "#trends button").send_keys("\n")  # as a keyboard presses it
    _wait(browser, f"!{FINDING}.includes('Computing')")


def test_trends_show_plots_and_a_table_of_all_series(browser, dated, fakes):
    _open_trends(browser, dated)
    assert _find(browser, "#trends button").get_attribute("aria-expanded") == "true"
    assert "“dress” rose from 21 % to 82 %" in _texts(browser, ".finding")[0]
    assert _texts(browser, ".plots figcaption") == [
        "dress: from 21 % to 82 %, q < 0.001",
        f"{fakes.HOSTILE}: from 83 % to 25 %, q < 0.001",
    ]
    plots = "[...document.querySelectorAll('.plots svg')]"
    marks = "[svg.querySelectorAll('circle').length, svg.querySelectorAll('.interval').length]"
    assert browser.execute_script(f"return {plots}.map((svg) => {marks})") == [[24, 24]] * 2
    labels = browser.execute_script(f"return {plots}.map((svg) => svg.getAttribute('aria-label'))")
    assert labels == _texts(browser, ".plots figcaption")
    tops = f"return {plots}.map((svg) => [...svg.querySelectorAll('circle')].map((c) => +c.{Y}))"
    rise, fall = browser.execute_script(tops)
    assert rise[0] > rise[-1] and fall[0] < fall[-1]  # y grows downwards
    series = _texts(browser, "#trends tbody th")
    attribute = f"{fakes.HOSTILE} (attribute)"
    assert series == ["dress", fakes.HOSTILE, "shoe", attribute, "red (color)"]
    assert _texts(browser, "#trends tbody tr:first-child td") == [
        *("rise", "21 %", "82 %", "< 0.001", "240")
    ]
    assert any("Mann-Kendall" in text for text in _texts(browser, "#trends .summary"))
    assert not browser.execute_script("return document.querySelectorAll('img[src=x]').length")
    assert "secret" not in browser.page_source


def test_period_and_category_of_trends_are_chosen_with_the_keyboard(browser, dated, fakes):
    _open_trends(browser, dated)
    _find(browser, "#trends button").send_keys("\t")
    browser.switch_to.active_element.send_keys("quarter")
    _wait(browser, f"{FINDING}.includes('8 quarters')")
    browser.switch_to.active_element.send_keys("\t")
    browser.switch_to.active_element.send_keys("dress")
    _wait(browser, f"{FINDING}.includes('240 images')")
    assert "shoe" not in _texts(browser, "#trends tbody th")
    _find(browser, "#trends button").send_keys("\n")
    assert not _find(browser, "#trend-panel").is_displayed()


def test_an_index_without_dates_says_how_to_get_them(browser, serving):
    with serving(index="undated") as (address, _):
        _open_trends(browser, address)
        assert "No photo of this index has a date" in _texts(browser, ".finding")[0]
        assert "--dates folders" in _texts(browser, ".finding")[0]
        assert not _find(browser, "#trends select").is_displayed()
        assert not _texts(browser, "#trends table")


def test_without_an_index_the_page_has_no_trends(browser, serving, fakes, tmp_path):
    with serving(index=False) as (address, _):
        browser.get(address)
        _wait(browser, "document.body.classList.contains('ready')")
        _open(browser, fakes, tmp_path)
        assert not _texts(browser, "#trends")


def test_a_text_file_is_refused_with_a_sentence(browser, fakes, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    _find(browser, "#file").send_keys(str(tmp_path / "notes.txt"))
    _wait(browser, "!problem.hidden")
    assert "cannot be read as an image" in _texts(browser, "#problem")[0]
    _open(browser, fakes, tmp_path)
    assert not _find(browser, "#problem").is_displayed()


def test_a_sample_and_a_photo_of_another_kind_are_predicted(browser, fakes, tmp_path):
    _click(browser, "#samples button")
    _wait(browser, "!garments.state.busy && garments.state.garments.length > 0")
    _wait(browser, "!garments.state.busy")
    (tmp_path / "photo.gif").write_bytes(fakes.photo((80, 60), kind="GIF"))
    _find(browser, "#file").send_keys(str(tmp_path / "photo.gif"))
    _wait(browser, "!garments.state.busy && garments.state.photo.name == 'photo.gif'")
    assert browser.execute_script("return garments.state.garments.length") == 3


def test_the_page_asks_for_the_key_of_the_service(chromium, serving, fakes, tmp_path):
    with serving(api_keys=("right key",)) as (address, _):
        chromium.get(address)
        for key, question in (("wrong", "needs a key"), ("right key", "is not valid")):
            label = "document.querySelector('#key label')"
            _wait(chromium, f"{label} && {label}.textContent.includes('{question}')")
            _find(chromium, "#key input").send_keys(key)
            _click(chromium, "#key button")
        _wait(chromium, "document.body.classList.contains('ready')")
        _open(chromium, fakes, tmp_path)
        _click(chromium, "#garments .search")
        _wait(chromium, "document.querySelectorAll('#similar img').length == 3")
