"""Sentences: what a figure of the exploration shows, in words and with its numbers."""

import numpy as np

from fashion.exploration.comparison import CLEAR
from fashion.exploration.figures import share_text as percent
from fashion.exploration.frequencies import half_of


def photos(sizes):
    """What is to be seen of the sizes of photos."""
    low, _, middle, _, high = sizes["megapixels"]["quantiles"]
    common = sizes["commonest"]
    total = sum(cell[2] for cell in sizes["grid"])
    return (
        f"The median photo has {middle:.2g} megapixels, nine in ten have {low:.2g} to {high:.2g}; the commonest of "
        f"{count(sizes['different'], 'size')} is {common['width']} x {common['height']} ({percent(common['photos'] / total)})."
    )


def shapes_of_photos(sizes):
    low, _, middle, _, high = sizes["aspect"]["quantiles"]
    return (
        f"{percent(sizes['upright'])} of the photos are upright; the median is {middle:.2f} times as high as wide, nine in ten lie "
        f"between {low:.2f} and {high:.2f}."
    )


def number_per_photo(per_photo):
    """How many objects and classes a photo has."""
    objects, classes = per_photo["objects"], per_photo["classes"]
    return (
        f"A photo has {_median(objects)} objects in the median and {len(objects) - 1} at most, of {_median(classes)} different "
        f"classes; {percent(sum(objects[1:2]) / sum(objects))} of the photos have one object only."
    )


def _median(counts):
    """The median of whole numbers of which `counts` says how often each occurs."""
    return int(np.searchsorted(np.cumsum(counts), sum(counts) / 2))


def long_tail(rows, what):
    """How unequal frequencies are. rows: of `frequencies`; what: "class" or "attribute" """
    seen = sorted((row for row in rows if row["objects"]), key=lambda row: -row["objects"])
    if not seen:
        return f"No {what} occurs."
    counts = [row["objects"] for row in seen]
    many = "classes" if what == "class" else "attributes"
    first, last, half = seen[0], seen[-1], half_of(counts, 0.5)
    they = "it alone makes" if half == 1 else f"the {half} commonest of {len(seen)} {many} make"
    text = (
        f"“{_short(first)}” is the most frequent {what} ({count(first['objects'], 'object')}, in {percent(first['share_of_photos'])} "
        f"of the photos); {they} up half of all. "
    )
    rare = sum(n < 50 for n in counts)
    text += (
        f"{rare} {many if rare != 1 else what} ha{'ve' if rare != 1 else 's'} fewer than 50 objects"
        if rare
        else (f"The rarest, “{_short(last)}”, has {last['objects']:,}")
    )
    missing = len(rows) - len(seen)
    return text + (
        f", and {missing} of the label list never occur{'s' * (missing == 1)}." if missing else "."
    )


def meetings(together, names):
    """Which classes meet, and which avoid each other."""
    pairs = together["pairs"]
    if not pairs:
        return "No two classes are frequent enough to say whether they go together."

    def told(pair):
        one, other, both, chance = pair
        return f"“{one}” and “{other}” are together in {count(both, 'photo')}, where chance would bring them together in {chance:.0f}"

    near, far = pairs[0], pairs[-1]
    text = ""
    if near[2] > near[3]:
        text = f"Classes seek company: {told(near)}. "
    if far[2] < far[3]:
        text += f"Others replace each other: {told(far)}."
    return text.strip() or "No two classes seek or avoid each other."


def belongings(class_attributes, classes, attributes):
    """Which attributes belong to which class."""
    objects = np.array(class_attributes["objects"])
    number = np.array([row["objects"] for row in classes])
    carrying = np.array(class_attributes["carrying"])
    if not objects.any():
        return "No object has an attribute."
    empty = [_short(row) for row, share in zip(classes, carrying) if row["objects"] and not share]
    total = objects.sum(axis=0)
    often = total >= max(10, 0.002 * objects.sum())
    of_one = np.where(often, objects.max(axis=0) / np.maximum(total, 1), -1)
    text = (
        f"{int((carrying[number > 0] > 0).sum())} of {int((number > 0).sum())} classes carry attributes"
        + (f" (none: {', '.join(empty[:6])}{' …' if len(empty) > 6 else ''})" if empty else "")
    )
    if of_one.max() < 0:
        return text + "."
    own = int((of_one > 0.9).sum())
    best = of_one.argmax()
    return (
        f"{text}; of the {int(often.sum())} more frequent attributes, {own} belong{'s' * (own == 1)} to one class by more than 90 %, "
        f"for example “{_short(attributes[best])}” to “{_short(classes[objects[:, best].argmax()])}” ({percent(of_one[best])})."
    )


def sizes_of_masks(masks):
    """How large masks are, over all and by class."""
    whole, rows = masks[0], [row for row in masks[1:] if row["objects"]]
    small, large = (pick(rows, key=lambda row: row["share"][2]) for pick in (min, max))
    return (
        f"The median mask covers {percent(whole['share'][2])} of its photo ({whole['pixels'][2]:,.0f} pixels); by class the median "
        f"goes from {percent(small['share'][2])} (“{small['name']}”) to {percent(large['share'][2])} (“{large['name']}”), a factor of "
        f"{large['share'][2] / small['share'][2]:,.0f}."
    )


def coco_sizes(masks, training):
    """Small, medium and large, in the photo and as the network sees it."""
    (in_photo, *_), (on_canvas, *_) = masks[0]["photo_sizes"], masks[0]["canvas_sizes"]
    total = max(masks[0]["objects"], 1)
    height, width = training["image_hw"]
    text = (
        f"In the photos {percent(in_photo / total)} of the masks are small (below 32 x 32 pixels); at the {height} x {width} pixels "
        f"of the recipe {percent(on_canvas / total)} are"
    )
    thin = training["thin"]
    return text + (
        f", and {percent(thin)} of the boxes are less than {training['least_side']} pixels high or wide."
        if thin
        else "."
    )


def shapes_of_masks(masks):
    """How masks are shaped, by class."""
    whole, rows = (
        masks[0],
        [row for row in masks[1:] if row["objects"] >= 5]
        or [row for row in masks[1:] if row["objects"]],
    )
    empty, full = (pick(rows, key=lambda row: row["fill"][2]) for pick in (min, max))
    torn = max(rows, key=lambda row: row["in_parts"])
    return (
        f"A mask fills {percent(whole['fill'][2])} of its box in the median, from {percent(empty['fill'][2])} (“{empty['name']}”) to "
        f"{percent(full['fill'][2])} (“{full['name']}”); {percent(whole['in_parts'])} of the masks consist of several pieces, of "
        f"“{torn['name']}” {percent(torn['in_parts'])}."
    )


def anchors_fit(anchors):
    """How the anchors fit, and what the suggested ones change."""
    given, better = anchors["given"]["all"], anchors["suggested"]["all"]
    if given["objects"] == 0:
        return "There are no boxes to fit."
    text = (
        f"{percent(given['fair'])} of the boxes have an anchor with IoU 0.5 or more, and {percent(given['good'])} one with 0.7, from "
        f"where the network is taught “object” for it (an object without one is taught by its best anchor alone); the mean best IoU is "
        f"{given['mean']:.3f}."
    )
    if not anchors["changed"]:
        return text + " No better scales and ratios were found."
    return text + (
        f" With the suggested scales and ratios {percent(better['fair'])} reach 0.5 and {percent(better['good'])} reach 0.7; "
        f"the mean is {better['mean']:.3f} ({better['mean'] - given['mean']:+.3f}).{_losers(anchors)}"
    )


def _losers(anchors):
    """What the suggested anchors fit less well than those given: a sentence with a blank before it, or nothing."""
    lost = [
        (new["mean"] - old["mean"], old["name"], old["mean"], new["mean"])
        for old, new in zip(anchors["given"]["classes"], anchors["suggested"]["classes"])
        if old["objects"]
    ]
    worst = [row for row in sorted(lost) if row[0] <= -0.01]
    if not worst:
        return ""
    shown = ", ".join(f"“{name}” ({old:.2f} to {new:.2f})" for _, name, old, new in worst[:3])
    return f" They fit {count(len(worst), 'class', 'classes')} less well than before, most of all {shown}."


def differences(compared, what):
    """Whether train and val differ by more than chance. compared: rows of `comparison`; what: "classes" or "attributes" """
    rows = [row for row in compared if row["z"] is not None]
    if not rows:
        return f"Neither file has any {what}."
    clear = [row for row in rows if abs(row["z"]) > CLEAR]
    most = max(rows, key=lambda row: abs(row["z"]))
    text = (
        f"{len(clear)} of {len(rows)} {what} differ by more than {CLEAR} standard errors, where chance alone would make about "
        f"{0.0455 * len(rows):.0f}; the clearest is “{_short(most)}”, in {percent(most['train'])} of the photos to train on and "
        f"{percent(most['val'])} of those to validate on."
    )
    absent = [_short(row) for row in rows if row["train_photos"] and not row["val_photos"]]
    unseen = [_short(row) for row in rows if row["val_photos"] and not row["train_photos"]]
    for names, told in ((absent, "occur in training only"), (unseen, "occur in validation only")):
        if names:
            text += f" {len(names)} {told}: {', '.join(names[:6])}{' …' if len(names) > 6 else ''}."
    return text


def count(number, one, many=None):
    """1, "photo" -> "1 photo"; 2 -> "2 photos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _short(row):
    return row["name"].split(",")[0]
