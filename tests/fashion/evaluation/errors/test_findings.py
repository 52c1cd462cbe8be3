"""Sentences say what the numbers say."""

import pytest

from fashion.evaluation.errors.analysis import analyse
from fashion.evaluation.errors.findings import (
    findings,
    is_harder,
    points,
    size_and_intricacy,
)


def test_the_findings_of_one_error_of_each_kind(one_of_each):
    first, second, *_ = said = analyse(*one_of_each)["findings"]
    # By hand in `test_error_types`: class, location and missed objects cost 51/303, 51/303 and
    # 50/300 of AP50.
    assert first.startswith(
        "Mask AP50 is 0.333. The costliest error type is “wrong class” (ΔAP50 +0.168, 1 detection,"
    )
    assert second == (
        "Most frequent confusions of confident detections: “shoe” predicted as “shirt” "
        "(1 of 2 objects)."
    )
    assert len(said) == 2  # five objects tell nothing of size, and no attribute is given


def test_what_cannot_be_said_is_left_out(truth, placed):
    assert analyse(truth(), [])["findings"] == [
        "The images have no objects, so nothing can be matched or missed."
    ]
    right = truth(placed(1, 1, (0, 0, 9, 9)))
    assert analyse(right, [placed(1, 1, (0, 0, 9, 9), score=0.9)])["findings"] == [
        "Mask AP50 is 1.000. No error type alone lowers it."
    ]


def row(difference, error=0.1):
    return {
        "recall": [0.2, 0.5, 0.9],
        "difference": difference,
        "error": error,
        "difference_in_category": None,
        "error_in_category": None,
    }


@pytest.mark.parametrize("difference, expected", [(-0.3, True), (-0.19, False), (0.4, False)])
def test_a_problem_is_worse_by_two_standard_errors(difference, expected):
    assert is_harder(row(difference)) is expected
    assert not is_harder(row(None, None))
    assert not is_harder(row(-1.0, None)) and not is_harder(
        row(-1.0, 0.0)
    )  # too few photos, and draws that are all alike


def test_small_and_intricate_in_words():
    small, intricate = size_and_intricacy({"size": row(-0.3), "intricacy": row(-0.19)})
    assert small == (
        "Small objects are harder: recall is 20 % in the smallest third and 90 % in the largest; "
        "at equal complexity the difference is -30 (±10) points."
    )
    assert intricate.startswith(
        "Objects with a complex outline are not clearly harder: recall is 90 % in the third with "
    )
    (alike, _) = size_and_intricacy({"size": row(None, None), "intricacy": row(-0.19)})
    assert alike.endswith("in the largest, but no two of them are alike in complexity.")
    assert list(size_and_intricacy(None)) == []


def test_nothing_is_said_of_an_empty_third():
    no_small, no_plain = (
        row(None, None) | {"recall": [-1.0, 0.5, 0.9]},
        row(None, None) | {"recall": [-1.0, 0.5, 0.9]},
    )
    assert [
        text[:5] for text in size_and_intricacy({"size": no_small, "intricacy": row(-0.3)})
    ] == ["Objec"]
    assert [
        text[:5] for text in size_and_intricacy({"size": row(-0.3), "intricacy": no_plain})
    ] == ["Small"]
    no_intricate = row(None, None) | {"recall": [0.5, 0.9, -1.0]}
    assert list(size_and_intricacy({"size": no_small, "intricacy": no_intricate})) == []


def test_one_photo_is_no_clear_finding(placed, truth):
    """Small rectangles are missed and larger ones matched, all in a single image."""
    gt = truth(
        *(
            placed(1, 1, (0, 0, *box))
            for box in (
                (4, 4),
                (8, 2),
                (16, 1),
                (6, 6),
                (12, 3),
                (18, 2),
                (12, 12),
                (24, 6),
                (36, 4),
            )
        )
    )
    said = [row | {"score": 0.9} for row in gt["annotations"] if row["area"] > 16]
    (small,) = (text for text in analyse(gt, said)["findings"] if "smallest third" in text)
    assert small.startswith(
        "Small objects are not clearly harder: recall is 0 % in the smallest third and 100 % in the"
    )
    assert "the difference is -100 points" in small


def test_attributes_in_words(placed, truth):
    gt = truth(*[placed(1, 1, (10 * i, 0, 9, 9), attribute_ids=[20]) for i in range(3)])
    said = [
        placed(1, 1, (10 * i, 0, 9, 9), score=0.9, attribute_ids=[30] if i else [])
        for i in range(3)
    ]
    assert analyse(gt, said)["findings"][-1] == (
        "Attributes of the 3 objects that a detection of any score matches: 3 missing, 2 extra. "
        "f1AP50 is 0.000: AP50 where a match also needs an F1 of the attributes of 0.5. It would "
        "change by +1.000 if the missing ones were added, and by 0.000 if the extra ones were "
        "removed. Most often missing: “red” 3. Most often extra: “long” 2."
    )


def test_a_random_case_has_three_to_six(confused_case):
    analysis = analyse(*confused_case(0))
    assert 3 <= len(analysis["findings"]) <= 6 and analysis["findings"] == findings(analysis)


def test_numbers_in_words():
    assert points(0.05, 0.021) == "+5 (±2) points" and points(-0.3, None) == "-30 points"
