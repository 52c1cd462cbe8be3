"""Sentences: what the numbers of an analysis say, in words."""

# The kinds of error by name, and what their repair is.
WORDS = {
    "class": "wrong class",
    "location": "poor localisation",
    "both": "class and place wrong",
    "duplicate": "duplicate",
    "background": "background",
    "missed": "missed",
    "false detections": "false detections, all",
    "not found": "objects not found, all",
    "attribute missing": "attribute missing",
    "attribute invented": "attribute invented",
    "attributes together": "missing and invented",
}
_REPAIR = {
    "class": "putting detections into the right class",
    "location": "moving poorly placed detections onto their objects",
    "both": "dropping detections wrong in class and place",
    "duplicate": "dropping duplicates",
    "background": "dropping detections of the background",
    "missed": "taking missed objects out of the truth",
}
_CLEAR = 2  # standard errors; a smaller difference is called unclear
_FEW = 10  # objects; of fewer no share is told


def findings(analysis):
    """Up to six plain sentences, or one where there is nothing to find. analysis: of `analysis.analyse`, without its findings"""
    if not analysis["objects"]:
        return ["The photos have no objects, so nothing can be found or missed."]
    said = [
        _cost(analysis),
        _confusions(analysis["confusion"]["confused"]),
        *shape_findings(analysis["small_or_intricate"]),
        _covered(analysis["breakdowns"]["occlusion"]),
        _attributes(analysis["attributes"]),
    ]
    return [sentence for sentence in said if sentence]


def shape_findings(compared):
    """Whether small and whether intricate objects are the problem: a sentence each, but none of an empty third. compared:
    "small_or_intricate" of the analysis"""
    if not compared:
        return
    small, _, large = compared["size"]["recall"]
    plain, _, intricate = compared["intricacy"]["recall"]
    if small >= 0 and large >= 0:
        yield (
            f"Small objects {_verdict(compared['size'])}: {percent(small)} of the smallest third are found and {percent(large)} of the "
            f"largest{_difference(compared['size'], 'intricacy')}."
        )
    if plain >= 0 and intricate >= 0:
        yield (
            f"Intricate objects {_verdict(compared['intricacy'])}: {percent(intricate)} of the most intricate third are found and "
            f"{percent(plain)} of the plainest{_difference(compared['intricacy'], 'size')}."
        )


def percent(value):
    """0.123 -> "12 %"; a dash for -1, where there is nothing to measure."""
    return "–" if value < 0 else f"{100 * value:.0f} %"


def points(value, error):
    """A difference of shares and its standard error: "-12 (±5) points"; "-12 points" where the error is None."""
    return (
        f"{100 * value:+.0f} points"
        if error is None
        else f"{100 * value:+.0f} (±{100 * error:.0f}) points"
    )


def is_problem(row):
    """Whether hard objects are clearly found less often. row: "size" or "intricacy" of `small_or_intricate`

    Without an error, or where all draws came out alike, so that there is no telling how much chance there is in it, nothing is clear.
    """
    return bool(row["error"]) and row["difference"] < -_CLEAR * row["error"]


def _cost(analysis):
    first, second = sorted(
        (row for row in analysis["bins"] if row["bin"] in _REPAIR),
        key=lambda row: -row["ap50_gain"],
    )[:2]
    opening = f"Mask AP50 is {analysis['ap50']:.3f}."
    if first["ap50_gain"] <= 0:
        return f"{opening} No kind of error alone lowers it."
    return (
        f"{opening} The costliest kind of error is “{WORDS[first['bin']]}”: {_REPAIR[first['bin']]} would add "
        f"{first['ap50_gain']:.3f} ({_count(first)}). The next is “{WORDS[second['bin']]}”: {_REPAIR[second['bin']]} would add "
        f"{second['ap50_gain']:.3f} ({_count(second)})."
    )


def _count(row):
    return (
        f"{row['count']} objects"
        if row["bin"] == "missed"
        else f"{row['count']} detections, {row['sure']} of them sure"
    )


def _confusions(confused):
    if not confused:
        return None
    first, *others = map(_confusion, confused[:3])
    return f"The most frequent confusion among sure detections is {first}" + (
        f", then {' and '.join(others)}." if others else "."
    )


def _confusion(row):
    return f"“{row['true']}” taken for “{row['predicted']}” ({row['count']} of {row['objects']} objects)"


def _verdict(row):
    return "are a problem" if is_problem(row) else "are not clearly a problem of their own"


def _difference(row, other):
    """The difference at equal values of the other measure, in words."""
    if row["difference"] is None:
        return f", but no two of them are alike in {other}"
    text = f"; at equal {other} the difference is {points(row['difference'], row['error'])}"
    if row["difference_in_category"] is not None:
        text += f", at equal {other} and category {points(row['difference_in_category'], row['error_in_category'])}"
    return text


def _covered(rows):
    rows = [row for row in rows if row["objects"] >= _FEW]
    if len(rows) < 2:
        return None
    free, covered = rows[0], rows[-1]
    return (
        f"Where other objects cover the least of an object's box ({free['label']}), {percent(free['recall'])} of {free['objects']} "
        f"objects are found; where they cover the most ({covered['label']}), {percent(covered['recall'])} of {covered['objects']} "
        f"({percent(covered['expected_recall'])} of these if only their categories counted)."
    )


def _attributes(attributes):
    if not attributes or not attributes["found"]:
        return None
    missing, invented = attributes["bins"][:2]
    more = {
        1: "more often missing than invented",
        0: "missing as often as invented",
        -1: "more often invented than missing",
    }
    order = more[(missing["pairs"] > invented["pairs"]) - (missing["pairs"] < invented["pairs"])]
    text = (
        f"Attributes are {order}: {missing['pairs']} missing on {missing['objects']} of the {attributes['found']} objects found, "
        f"{invented['pairs']} invented on {invented['objects']}. Adding the missing ones would raise f1AP50 from "
        f"{attributes['f1ap50']:.3f} by {missing['f1ap50_gain']:.3f}, dropping the invented ones by {invented['f1ap50_gain']:.3f}."
    )
    for key in ("missing", "invented"):
        most = sorted(
            (row for row in attributes["per_attribute"] if row[key]), key=lambda row: -row[key]
        )[:3]
        if most:
            names = ", ".join(f"“{row['name']}” {row[key]}" for row in most)
            text += f" {key.capitalize()} most often: {names}."
    return text
