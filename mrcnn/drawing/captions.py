"""Captions: what an instance is called in a picture, from its class id, its score and the list of names."""

LONGEST_NAME = 26  # letters; a caption has the score to show as well


def name_of(class_id, class_names):
    """The name of a class.

    class_id: int; negative for a crowd of that class, as COCO's data sets are read by Matterport's scripts
    class_names: a name for every class id, 0 being the background
    Returns: str; "class 7" where the list is too short, since a picture without the name says more than none.
    """
    class_id = int(class_id)
    known = abs(class_id) < len(class_names)
    name = str(class_names[abs(class_id)]) if known else f"class {abs(class_id)}"
    return f"{name} (crowd)" if class_id < 0 else name


def caption(class_id, class_names, score=None):
    """The name, shortened where it is long, and the score with two decimals where there is one."""
    name = name_of(class_id, class_names)
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1].rstrip(" ,") + "…"
    return name if score is None else f"{name} {score:.2f}"
