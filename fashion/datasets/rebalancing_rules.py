"""Names of the rules of rebalancing, which `fashion.datasets.rebalancing` explains and applies."""

from collections.abc import Iterable

RULES = ("classes", "attributes", "balanced", "effective", "missed")
USUAL = ("classes", "missed")  # of a bare --rebalance


def agreed_rules(asked: Iterable[str] | bool | None) -> list[str]:
    """Checks the rules that a training asks for.

    Args:
        asked: Words of --rebalance, or what a config.json notes; an old one notes true or false.

    Returns:
        Some of `RULES`, in their order.

    Raises:
        ValueError: If a word is unknown, or the words do not go together.
    """
    words: set[str] = set(USUAL if isinstance(asked, bool) and asked else asked or ())
    unknown = sorted(words - set(RULES))
    if unknown:
        raise ValueError(f"--rebalance takes {', '.join(RULES)}. Got {', '.join(unknown)}.")
    alone = sorted(words & {"balanced", "effective"})
    if alone and len(words - {"missed"}) > 1:
        raise ValueError(
            f"--rebalance {alone[0]} says how often every photo is drawn, so it goes with 'missed' "
            f"only. Got {', '.join(rule for rule in RULES if rule in words)}."
        )
    return [rule for rule in RULES if rule in words]
