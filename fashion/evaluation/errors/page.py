"""The page of errors: an analysis as one HTML file to choose from what to mend next, and as JSON."""

import json
import logging
from pathlib import Path

from fashion.evaluation.errors.analysis import analyse
from fashion.evaluation.errors.breakdowns import MEASURES, OF_OBJECTS_ONLY
from fashion.evaluation.errors.figures import (
    breakdown_figure,
    cells_figure,
    confusion_figure,
    cost_figure,
)
from fashion.evaluation.errors.findings import WORDS, percent, points, shape_findings
from fashion.evaluation.errors.side_by_side import side_by_side
from fashion.evaluation.errors.size_and_intricacy import EASY, FEW_PHOTOS, HARD, NAMES
from fashion.pages.html import Page
from mrcnn.files import write_text

log = logging.getLogger(__name__)

_TIDE = 'Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors", arXiv:2008.08115'
_MEANING = {
    "class": "lies on an object of another category (IoU 0.5 or more)",
    "location": "lies near an object of its category (IoU 0.1 to 0.5)",
    "both": "lies near an object of another category (IoU 0.1 to 0.5)",
    "duplicate": "lies on an object that a more certain one found",
    "background": "lies on nothing (IoU below 0.1)",
    "missed": "object that is neither found nor met by the first two kinds",
    "false detections": "the first five kinds together",
    "not found": "every object that is not found",
    "attribute missing": "the object has it, the detection lacks it",
    "attribute invented": "the detection has it, the object lacks it",
    "attributes together": "both at once",
}
_LISTED = 15  # rows of a table of confusions or attributes


def write_errors(
    folder,
    ground_truth,
    detections,
    read_photo=None,
    *,
    score_threshold=0.5,
    worst=20,
    seed=0,
    title="Errors",
):
    """Analyse, and write errors.json and index.html into a folder.

    read_photo: callable, file name -> (H, W, 3) uint8, or None where there is none; without, and where it raises OSError, pictures have
        grey paper for photos
    Other arguments, and what is returned: as in `analysis.analyse`.
    """
    analysis, folder = (
        analyse(ground_truth, detections, score_threshold=score_threshold, worst=worst, seed=seed),
        Path(folder),
    )
    write_text(folder / "errors.json", json.dumps(analysis, indent=1, ensure_ascii=False) + "\n")
    page = _page(analysis, title)
    _worst(page, analysis, ground_truth, detections, read_photo)
    page.write(folder / "index.html")
    return analysis


def _page(analysis, title):
    """Everything but the photos."""
    threshold = f"{analysis['score_threshold']:g}"
    page = Page(
        title,
        f"{analysis['detections']} detections on {analysis['photos']} photos with {analysis['objects']} objects. Masks are "
        f"compared. A detection is sure from a score of {threshold} on.",
    )
    page.chapter("Findings")
    page.text(*analysis["findings"])
    _costs(page, analysis)
    _categories(page, analysis)
    _confusions(page, analysis, threshold)
    if analysis["attributes"]:
        _attributes(page, analysis["attributes"])
    if analysis["objects"]:
        _breakdowns(page, analysis["breakdowns"])
    if analysis["small_or_intricate"]:
        _small_or_intricate(page, analysis["small_or_intricate"])
    return page


def _costs(page, analysis):
    page.chapter("What the errors cost")
    page.text(
        f"Mask AP50, the mean over the categories of the average precision at IoU 0.5, is {_number(analysis['ap50'])}. Every "
        "detection that finds nothing has one reason, and every reason a price: what AP50 would gain if these errors alone were "
        "repaired. A wrong class or place is set right, other false detections are dropped, missed objects are taken out of the "
        "truth."
    )
    page.figure(cost_figure(analysis["bins"], "ap50_gain", "AP50"))
    page.table(
        [["kind", "errors", "sure ones", "gain in AP50", "what it means"]]
        + [
            [
                WORDS[row["bin"]],
                row["count"],
                row["sure"],
                f"{row['ap50_gain']:+.3f}",
                _MEANING[row["bin"]],
            ]
            for row in analysis["bins"]
        ]
    )
    page.note(
        f"After {_TIDE}. All detections count, whatever their score; unsure ones cost little, as they come last. The column “sure "
        "ones” leaves them out: of objects it has what is missed if there were sure detections only. Gains do not add up: what one "
        "repair mends, another may have mended."
    )


def _categories(page, analysis):
    page.chapter("By category")
    rows = analysis["bins"][:6]
    page.text(
        "What each category would gain in its own AP50; the mean over the categories is the gain in the chapter above."
    )
    page.table(
        [["category", "objects", "AP50", *(WORDS[row["bin"]] for row in rows)]]
        + [
            [
                name,
                number,
                _number(analysis["ap50_per_category"][k]),
                *(_gain(row["per_category"][k]["ap50_gain"]) for row in rows),
            ]
            for k, (name, number) in enumerate(
                zip(analysis["categories"], analysis["objects_per_category"])
            )
            if number
        ]
    )
    page.note(
        "A dash: nothing to gain, or all objects of the category were missed, so that it leaves the mean when they are taken out. "
        "Click on a heading to sort by it."
    )


def _confusions(page, analysis, threshold):
    page.chapter("Confusions")
    confusion = analysis["confusion"]
    page.text(
        f"Each sure detection (score {threshold} or more) takes the free object that it overlaps most, by an IoU of 0.5 at least, "
        "whatever the two categories are; the most certain chooses first. The last column holds the objects that nothing was found "
        "for, the last row the detections that are left over."
    )
    page.figure(
        confusion_figure(confusion["names"], confusion["matrix"]),
        "Counts. The darker a cell, the larger its share of the row.",
    )
    if confusion["confused"]:
        page.section("The most frequent confusions")
        page.table(
            [["true", "predicted", "confused", "objects", "share"]]
            + [
                [
                    row["true"],
                    row["predicted"],
                    row["count"],
                    row["objects"],
                    percent(row["count"] / row["objects"]),
                ]
                for row in confusion["confused"][:_LISTED]
            ]
        )


def _attributes(page, attributes):
    page.chapter("Attributes")
    page.text(
        f"Counted on the {attributes['found']} objects that were found, by sure and unsure detections. The price is in f1AP50, here "
        f"{_number(attributes['f1ap50'])}: AP50 where a match also needs an F1 of the attributes of 0.5."
    )
    page.table(
        [["kind", "errors", "sure ones", "objects touched", "gain in f1AP50", "what it means"]]
        + [
            [
                WORDS[row["bin"]],
                row["pairs"],
                row["sure"],
                row["objects"],
                f"{row['f1ap50_gain']:+.3f}",
                _MEANING[row["bin"]],
            ]
            for row in attributes["bins"]
        ]
    )
    wrong = sorted(
        (row for row in attributes["per_attribute"] if row["missing"] or row["invented"]),
        key=lambda row: -row["missing"] - row["invented"],
    )
    if wrong:
        page.section("The attributes that are wrong most often")
        page.table(
            [["attribute", "objects that have it", "missing", "missing, share", "invented"]]
            + [
                [
                    row["name"],
                    row["objects"],
                    row["missing"],
                    percent(row["missing"] / row["objects"] if row["objects"] else -1),
                    row["invented"],
                ]
                for row in wrong[:_LISTED]
            ]
        )
        if len(wrong) > _LISTED:
            page.note(f"{_LISTED} of {len(wrong)}; errors.json has all.")


def _breakdowns(page, breakdowns):
    page.chapter("Where objects are hard to find")
    page.text(
        "AP50 of a bin is measured as COCO measures small, medium and large objects: objects outside of the bin are ignored, and so "
        "are detections outside of it that find nothing. Recall is the share of the objects that any detection finds. The black line "
        "is the recall that a bin would have if each object were found as often as its category is on the whole: a bar well below "
        "it is hard for another reason than its categories."
    )
    for name, rows in breakdowns.items():
        page.section(MEASURES[name][0])
        page.figure(breakdown_figure(rows))
        ap50 = [] if name in OF_OBJECTS_ONLY else ["AP50"]
        page.table(
            [
                [
                    "bin",
                    "objects",
                    *ap50,
                    "recall",
                    "recall of sure ones",
                    "recall, if only the category counted",
                ]
            ]
            + [
                [
                    row["label"],
                    row["objects"],
                    *(_number(row["ap50"]) for _ in ap50),
                    *(percent(row[key]) for key in ("recall", "sure_recall", "expected_recall")),
                ]
                for row in rows
            ]
        )
        if name in OF_OBJECTS_ONLY:
            page.note(
                "Recall only: a detection has no such measure of its own. Parts, such as sleeves and pockets, cover what they lie "
                "on."
            )
    page.note(
        "A detection's number of objects is that of its photo. The mean of AP50 goes over the categories that occur in a bin, so "
        "where a bin has few objects, it is uncertain."
    )


def _small_or_intricate(page, compared):
    page.chapter("Are small or intricate objects the problem?")
    (small, large), (plain, intricate) = compared["thirds"]["size"], compared["thirds"]["intricacy"]
    page.text(
        f"Small objects differ from large ones in shape as well, so both are looked at together. The objects are parted into thirds: "
        f"small below a size of {100 * small:.1f} %, large from {100 * large:.1f} % on; plain below an intricacy of "
        f"{plain:.2f}, intricate from {intricate:.2f} on."
    )
    page.text(*shape_findings(compared))
    page.figure(cells_figure(compared["cells"], NAMES["size"], NAMES["intricacy"]))
    rows = [
        [
            "compared",
            "recall of the two",
            "difference at equal intricacy or size",
            "and at equal category",
        ]
    ]
    for name, hard in HARD.items():
        row = compared[name]
        rows.append(
            [
                f"{NAMES[name][hard]} with {NAMES[name][EASY[name]]}",
                f"{percent(row['recall'][hard])} and {percent(row['recall'][EASY[name]])}",
                *(
                    points(row[f"difference{suffix}"], row[f"error{suffix}"])
                    if row[f"difference{suffix}"] is not None
                    else "–"
                    for suffix in ("", "_in_category")
                ),
            ]
        )
    page.table(rows)
    page.note(
        "Differences within the thirds of the other measure are averaged as Mantel and Haenszel (1959) do. In brackets the standard "
        "error, from 200 draws of as many photos with replacement; a difference of less than two of them is unclear, and so is one "
        f"that fewer than {FEW_PHOTOS} photos show, which comes without."
    )


def _worst(page, analysis, ground_truth, detections, read_photo):
    page.chapter("The worst photos")
    if not analysis["worst"]:
        page.text("No photo has an error.")
        return
    page.text(
        f"The {len(analysis['worst'])} photos of the lowest F1: 2 right / (2 right + false + missed), among sure detections at mask "
        "IoU 0.5; of equal ones first those with more errors. Left the truth: green was found, red was not. Right the prediction: "
        "green is right, orange is in the wrong class, blue poorly placed, violet both, yellow a duplicate, red lies on the "
        "background."
    )
    photo_of = {photo["id"]: photo for photo in ground_truth["images"]}
    names = {category["id"]: category["name"] for category in ground_truth["categories"]}
    for rank, row in enumerate(analysis["worst"], 1):
        photo = photo_of[row["image_id"]]
        objects = [
            annotation
            for annotation in ground_truth["annotations"]
            if annotation["image_id"] == photo["id"]
        ]
        pixels = _pixels(read_photo, row["file_name"])
        page.section(f"{rank}. {row['file_name']}: F1 {row['f1']:.2f}")
        page.image(
            side_by_side(
                photo, row, objects, detections, names, analysis["score_threshold"], pixels
            ),
            _caption(row),
        )


def _pixels(read_photo, name):
    """Of a photo; None where there is none, or none that can be read."""
    try:
        return read_photo(name) if read_photo else None
    except OSError as error:
        log.warning("Drawn without its photo: %s", error)
        return None


def _caption(row):
    """The errors of one photo in words."""
    false = [
        f"{error['category']} {error['score']:.2f}, "
        + (
            f"should be {error['true_category']}"
            if error["kind"] == "class"
            else WORDS[error["kind"]]
        )
        for error in row["errors"]
        if error["kind"] != "missed"
    ]
    missed = [
        error["category"]
        + (f", only at {error['found_at']:.2f}" if error["found_at"] is not None else "")
        for error in row["errors"]
        if error["kind"] == "missed"
    ]
    parts = [
        f"{row['right']} right",
        f"{len(false)} false" + (f" ({'; '.join(false)})" if false else ""),
        f"{len(missed)} not found" + (f" ({'; '.join(missed)})" if missed else ""),
    ]
    return ". ".join(parts) + "."


def _number(value):
    """A score; a dash for -1, where there is nothing to measure."""
    return "–" if value < 0 else f"{value:.3f}"


def _gain(value):
    """A category's gain; what rounds to nothing is a dash."""
    return "–" if value is None or value < 0.0005 else f"{value:+.3f}"
