"""The page of errors: two files that need no other, whatever there is to show."""

import json
import re

import numpy as np
import pytest

from fashion.evaluation.errors.page import write_errors
from fashion.pages.text import signed


def chapters(text):
    return re.findall(r'<h2 id="c\d+">(.*?)</h2>', text)


@pytest.mark.slow
def test_the_files_hold_the_analysis(tmp_path, confused_case):
    gt, said = confused_case(0, images=6)
    analysis = write_errors(
        tmp_path / "new" / "folder", gt, said, worst=4, title="Errors of <this> model"
    )
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["errors.json", "index.html"]
    assert json.loads((folder / "errors.json").read_text(encoding="utf-8")) == analysis
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "Errors of &lt;this&gt; model" in text and len(re.findall("data:image/jpeg", text)) == 4
    assert chapters(text) == [
        "Findings",
        "The worst images",
        "Cost of the errors",
        "By category",
        "Confusions",
        "Attributes",
        "Recall and AP50 by object properties",
        "Small objects, or complex outlines?",
    ]
    assert not re.search(r'(src|href)="(?!data:|#)', text)  # nothing from elsewhere
    assert all(signed(row["ap50_gain"]) in text for row in analysis["bins"])


@pytest.mark.slow
def test_photos_are_asked_for_by_name_and_may_be_absent(tmp_path, one_of_each, undrawn):
    gt, said = one_of_each
    asked = []

    def read_photo(name):
        asked.append(name)
        return None if name == "2.jpg" else np.zeros((40, 40, 3), np.uint8)

    write_errors(tmp_path, gt, said, read_photo)
    assert sorted(asked) == ["1.jpg", "2.jpg"]
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert (
        "1 matched. 4 false positives: shirt, duplicate (0.90); shirt instead of shoe, wrong class "
        "(0.85); shoe, poor localization (0.80); shoe, wrong class and localization (0.70). "
        "3 missed: 2 × shoe; scarf."
    ) in text


@pytest.mark.slow
def test_a_photo_that_cannot_be_read_is_told_and_drawn_on_grey_paper(
    tmp_path, one_of_each, caplog, undrawn
):
    def broken(name):
        raise OSError(f"{name} is broken")

    write_errors(tmp_path / "broken", *one_of_each, broken)
    write_errors(tmp_path / "without", *one_of_each)
    assert "Drawn without its image: 1.jpg is broken" in caplog.text
    assert (tmp_path / "broken" / "index.html").read_bytes() == (
        tmp_path / "without" / "index.html"
    ).read_bytes()


@pytest.mark.slow
def test_the_analysis_is_written_before_anything_is_drawn(tmp_path, one_of_each, undrawn):
    def killed(name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_errors(tmp_path, *one_of_each, killed)
    assert json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))["photos"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("objects, detections", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_page_of_little(tmp_path, placed, truth, objects, detections, undrawn):
    gt, said = (
        truth(*[placed(1, 1, (0, 0, 9, 9))] * objects),
        [placed(1, 1, (0, 0, 9, 9), score=0.9)] * detections,
    )
    write_errors(tmp_path, gt, said)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert ("No image has an error." in text) == (objects == detections)
    assert "Attributes" not in chapters(text) and "nan" not in re.sub(
        r"<svg.*?</svg>|base64,[^\"]*", "", text, flags=re.DOTALL
    )


@pytest.mark.slow
def test_the_same_numbers_give_the_same_page(tmp_path, one_of_each):
    for folder in ("a", "b"):
        write_errors(tmp_path / folder, *one_of_each)
    assert (tmp_path / "a" / "index.html").read_bytes() == (
        tmp_path / "b" / "index.html"
    ).read_bytes()
