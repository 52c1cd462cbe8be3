"""Rules of splits, which options are checked with before data sets are imported."""


def check_fractions(val_fraction: float, test_fraction: float = 0.0) -> None:
    """Checks the shares of the images that are held out.

    Args:
        val_fraction: Validated on.
        test_fraction: Kept for a last score; 0 for none.

    Raises:
        ValueError: A share is impossible, or nothing is left to train on.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(
            f"val_fraction must lie between 0 and 1, as a share of the images. Got {val_fraction}."
        )
    if test_fraction < 0 or test_fraction + val_fraction >= 1:
        raise ValueError(
            "test_fraction must be 0 or more, and below 1 with val_fraction, so that images "
            f"are left to train on. Got {test_fraction} and {val_fraction}."
        )


def check_fold(part: int, parts: int) -> None:
    """Checks a fold.

    Args:
        part: Which part is held out, from 1.
        parts: Of how many.

    Raises:
        ValueError: There is no such part.
    """
    if not 1 <= part <= parts or parts < 2:
        raise ValueError(
            f"A fold is I/K, part I of K, for instance 1/5, and K at least 2. Got {part}/{parts}."
        )
