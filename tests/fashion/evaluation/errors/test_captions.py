"""Captions: the errors of an image in words, equal ones together."""

from fashion.evaluation.errors.captions import errors_in_words


def error(kind, category, score=None, **more):
    return {
        "kind": kind,
        "category": category,
        "score": score,
        "true_category": None,
        "found_at": None,
        **more,
    }


def test_equal_errors_are_one_entry_with_the_range_of_their_scores():
    errors = [error("location", "shoe", score) for score in (0.98, 0.7, 0.54)]
    errors += [error("background", "bag, wallet", 0.61), error("background", "bag, wallet", 0.61)]
    errors += [error("class", "shirt, blouse", 0.85, true_category="dress")]
    errors += [error("missed", "shoe"), error("missed", "shoe")]
    errors += [error("missed", "tie", found_at=0.32), error("missed", "tie", found_at=0.4)]
    assert errors_in_words({"right": 2, "errors": errors}) == (
        "2 matched. 6 false positives: 3 × shoe, poor localization (0.54–0.98); 2 × bag, "
        "background (0.61); shirt instead of dress, wrong class (0.85). 4 missed: 2 × tie, matched "
        "by a less confident detection (0.32–0.40); 2 × shoe."
    )


def test_an_image_without_errors_of_a_kind_says_so():
    assert errors_in_words({"right": 0, "errors": []}) == (
        "0 matched. 0 false positives. 0 missed."
    )
