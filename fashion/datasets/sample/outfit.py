"""Outfit: which clothes a doll wears, of what cloth, and which of their attributes are visible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.patterns import (
    RGB,
    Cloth,
    random_cloth,
    random_color,
    random_contrast,
)

# Hem of each length, figure heights below the crown: far enough apart to be distinguishable.
HEMS = {
    L.ABOVE_THE_HIP: (0.425, 0.445),
    L.HIP: (0.515, 0.535),
    L.MINI: (0.605, 0.635),
    L.KNEE: (0.730, 0.750),
    L.MIDI: (0.825, 0.845),
    L.MAXI: (0.905, 0.925),
}
UPPER_PATTERNS = {L.PLAIN: 0.3, L.STRIPE: 0.2, L.CHECK: 0.16, L.DOT: 0.17, L.FLORAL: 0.17}
LOWER_PATTERNS = {L.PLAIN: 0.5, L.STRIPE: 0.14, L.CHECK: 0.14, L.DOT: 0.12, L.FLORAL: 0.1}
OUTER_PATTERNS = {L.PLAIN: 0.62, L.CHECK: 0.24, L.STRIPE: 0.14}
KNIT_PATTERNS = {L.PLAIN: 0.6, L.STRIPE: 0.4}
_NO_SKIN = (0.2, 0.95)  # hues that no skin has, so that tights differ from legs
UPPER, LOWER = (L.SHIRT, L.TOP, L.SWEATER), (L.PANTS, L.SHORTS, L.SKIRT)


@dataclass(frozen=True)
class Garment:
    """A main garment with its parts; labels are official ids, None for what it does not have.

    Attributes:
        category_id: Its category.
        cloth: What it is made of.
        length: Attribute of its length.
        hem_y: Its hem, frame of the figure.
        silhouette: Attribute of its silhouette.
        neckline: Attribute of its neckline.
        collar: Attribute of its collar.
        lapel: Attribute of its lapels.
        sleeve: Attributes of each sleeve; empty for no sleeves.
        opening: Attribute of its opening.
        pocket: Attribute of its pockets.
        open_front: Whether it is worn open.
        tucked: Whether it is tucked into another garment.
    """

    category_id: int
    cloth: Cloth
    length: int
    hem_y: float
    silhouette: int | None = None
    neckline: int | None = None
    collar: int | None = None
    lapel: int | None = None
    sleeve: tuple[int, ...] = ()
    opening: int | None = None
    pocket: int | None = None
    open_front: bool = False
    tucked: bool = False

    def attribute_ids(self, outer: Garment | None = None) -> list[int]:
        """Lists the attributes that are visible.

        Args:
            outer: What is worn over it.

        Returns:
            Official ids, ascending.
        """
        ids = [self.cloth.pattern]
        longer = outer is None or self.hem_y > outer.hem_y + 0.04
        whole_front = outer is None or outer.open_front
        if not self.tucked and (whole_front or longer):
            ids.append(self.length)
        if self.silhouette and not self.tucked and longer:
            ids.append(self.silhouette)
        if self.opening and whole_front:
            ids.append(self.opening)
        if not self.sleeve and outer is None and self.category_id not in LOWER:
            ids.append(L.SLEEVELESS)
        return sorted(ids)


@dataclass(frozen=True)
class Outfit:
    """What one doll wears; None for what it does not wear.

    Attributes:
        garments: In drawing order, without the outer one.
        outer: A jacket or a coat.
        shoes: "flat", "sneaker" or "boot".
        shoe_color: Of the shoes.
        tights: Colour.
        belt: Colour.
        hat: "brim", "beanie" or "cap".
        hat_cloth: Of the hat.
        glasses: Colour.
        bag: "hand" or "cross".
        bag_color: Of the bag.
        scarf: Cloth.
    """

    garments: tuple[Garment, ...]
    outer: Garment | None
    shoes: str
    shoe_color: RGB
    tights: RGB | None
    belt: RGB | None
    hat: str | None
    hat_cloth: Cloth
    glasses: RGB | None
    bag: str | None
    bag_color: RGB
    scarf: Cloth | None

    @property
    def belt_over(self) -> Garment:
        """The garment on which the belt lies: a closed coat, else the last of the garments."""
        return _frontmost(self.garments, self.outer)

    @property
    def in_trousers(self) -> bool:
        """Whether trousers cover the legs down to the ankles."""
        return any(g.category_id in (L.PANTS, L.JUMPSUIT) for g in self.garments)

    @property
    def narrow_stance(self) -> bool:
        """Whether the legs must stay together, under a coat or in a pencil skirt."""
        return (
            self.outer is not None
            and self.outer.category_id == L.COAT
            or any(g.silhouette == L.PENCIL for g in self.garments)
        )


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Draws an outfit.

    Args:
        rng: Random numbers.

    Returns:
        The outfit.
    """
    garments = _garments(rng)
    outer = _jacket(rng) if (cold := rng.random()) < 0.2 else _coat(rng) if cold < 0.38 else None
    bare_legs = any(g.category_id in (L.DRESS, L.SKIRT, L.SHORTS) for g in garments)
    waist_free = garments[-1].category_id in (L.DRESS, L.JUMPSUIT, *LOWER)
    belted = (
        waist_free
        and (outer is None or outer.open_front)
        or outer is not None
        and outer.category_id == L.COAT
        and not outer.open_front
    )
    return Outfit(
        garments,
        outer,
        shoes=str(rng.choice(["flat", "sneaker", "boot"], p=[0.4, 0.35, 0.25])),
        shoe_color=random_color(rng, value=(0.12, 0.95)),
        tights=(
            random_color(rng, (0.25, 0.95), (0.1, 0.8), hue=_NO_SKIN)
            if bare_legs and rng.random() < 0.42
            else None
        ),
        belt=(
            random_contrast(rng, _frontmost(garments, outer).cloth.base)
            if belted and rng.random() < 0.5
            else None
        ),
        hat=str(rng.choice(["brim", "beanie", "cap"])) if rng.random() < 0.34 else None,
        hat_cloth=random_cloth(rng, {L.PLAIN: 1}),
        glasses=random_color(rng, (0.2, 0.9), (0.08, 0.35)) if rng.random() < 0.34 else None,
        bag=str(rng.choice(["hand", "cross"], p=[0.65, 0.35])) if rng.random() < 0.42 else None,
        bag_color=random_color(rng, (0.25, 0.9), (0.2, 0.95)),
        scarf=random_cloth(rng, {L.PLAIN: 0.5, L.STRIPE: 0.3, L.CHECK: 0.2})
        if rng.random() < 0.24
        else None,
    )


def _garments(rng: np.random.Generator) -> tuple[Garment, ...]:
    """A dress, a jumpsuit, or an upper and a lower garment."""
    kind = rng.random()
    if kind < 0.25:
        return (_dress(rng),)
    if kind < 0.38:
        return (_jumpsuit(rng),)
    upper, lower = _upper(rng), _lower(rng)
    tucked = (
        rng.random() < 0.3 and upper.category_id != L.SWEATER and upper.pocket != L.KANGAROO_POCKET
    )
    if tucked:
        return replace(upper, tucked=True, hem_y=0.45), lower
    return lower, upper


def _frontmost(garments, outer):
    return outer if outer and not outer.open_front else garments[-1]


def _hem(rng, length):
    return float(rng.uniform(*HEMS[length]))


def _pick(rng, *options, p=None):
    """One of the options themselves (rng.choice would turn tuples into arrays)."""
    return options[int(rng.choice(len(options), p=p))]


def _upper(rng):
    category = _pick(rng, *UPPER, p=[0.32, 0.38, 0.30])
    length = _pick(rng, L.ABOVE_THE_HIP, L.HIP, p=[0.4, 0.6])
    cloth = random_cloth(
        rng, KNIT_PATTERNS if category == L.SWEATER else UPPER_PATTERNS, knit=category == L.SWEATER
    )
    common = dict(
        category_id=category,
        cloth=cloth,
        length=length,
        hem_y=_hem(rng, length),
        silhouette=_pick(rng, L.TIGHT_FIT, L.LOOSE_FIT),
    )
    if category == L.SHIRT:
        return Garment(
            **common,
            collar=L.SHIRT_COLLAR,
            opening=L.SINGLE_BREASTED,
            sleeve=_pick(rng, (L.SHORT,), (L.WRIST,), p=[0.35, 0.65]),
            pocket=L.PATCH_POCKET if rng.random() < 0.45 else None,
        )
    if category == L.SWEATER:
        return Garment(
            **common,
            opening=L.NO_OPENING,
            sleeve=(L.WRIST,),
            neckline=_pick(rng, L.TURTLE_NECK, L.ROUND_NECK, L.V_NECK, p=[0.45, 0.3, 0.25]),
        )
    sleeve = _pick(
        rng, (), (L.SHORT,), (L.SHORT, L.PUFF_SLEEVE), (L.WRIST,), p=[0.19, 0.29, 0.19, 0.33]
    )
    if sleeve == (L.WRIST,):  # a sweatshirt; its pocket needs the length
        common |= dict(length=L.HIP, hem_y=_hem(rng, L.HIP), pocket=L.KANGAROO_POCKET)
    return Garment(**common, opening=L.NO_OPENING, sleeve=sleeve, neckline=_neckline(rng))


def _neckline(rng):
    return _pick(
        rng, L.ROUND_NECK, L.V_NECK, L.SQUARE_NECK, L.TURTLE_NECK, p=[0.33, 0.3, 0.25, 0.12]
    )


def _lower(rng):
    category = _pick(rng, *LOWER, p=[0.38, 0.24, 0.38])
    cloth = random_cloth(rng, LOWER_PATTERNS)
    if category == L.PANTS:
        return Garment(category, cloth, L.MAXI, _hem(rng, L.MAXI), _pick(rng, L.STRAIGHT, L.FLARE))
    if category == L.SHORTS:
        length = _pick(rng, L.MINI, L.KNEE)
        return Garment(category, cloth, length, _hem(rng, length) - 0.01, L.STRAIGHT)
    length = _pick(rng, L.MINI, L.KNEE, L.MIDI, L.MAXI, p=[0.32, 0.26, 0.21, 0.21])
    silhouette = _pick(rng, L.PENCIL, L.A_LINE, L.FLARE)
    return Garment(
        category,
        cloth,
        length,
        _hem(rng, length),
        silhouette,
        pocket=L.PATCH_POCKET if silhouette == L.A_LINE and rng.random() < 0.4 else None,
    )


def _dress(rng):
    length = _pick(rng, L.MINI, L.KNEE, L.MIDI, L.MAXI, p=[0.3, 0.26, 0.2, 0.24])
    buttoned = rng.random() < 0.28
    sleeve = _pick(
        rng, (), (L.SHORT,), (L.SHORT, L.PUFF_SLEEVE), (L.WRIST,), p=[0.3, 0.22, 0.27, 0.21]
    )
    return Garment(
        L.DRESS,
        random_cloth(rng, UPPER_PATTERNS),
        length,
        _hem(rng, length),
        _pick(rng, L.PENCIL, L.A_LINE, L.FLARE, p=[0.3, 0.35, 0.35]),
        sleeve=sleeve,
        collar=L.SHIRT_COLLAR if buttoned else None,
        neckline=None if buttoned else _neckline(rng),
        opening=L.SINGLE_BREASTED if buttoned else L.NO_OPENING,
    )


def _jumpsuit(rng):
    return Garment(
        L.JUMPSUIT,
        random_cloth(rng, UPPER_PATTERNS),
        L.MAXI,
        _hem(rng, L.MAXI),
        _pick(rng, L.STRAIGHT, L.FLARE),
        neckline=_neckline(rng),
        opening=L.NO_OPENING,
        sleeve=_pick(rng, (), (L.SHORT,), (L.WRIST,), p=[0.4, 0.35, 0.25]),
    )


def _jacket(rng):
    length = _pick(rng, L.ABOVE_THE_HIP, L.HIP, p=[0.4, 0.6])
    zipped = rng.random() < 0.5
    return Garment(
        L.JACKET,
        random_cloth(rng, OUTER_PATTERNS),
        length,
        _hem(rng, length),
        L.STRAIGHT,
        lapel=None if zipped else _lapel(rng),
        opening=L.ZIP_UP if zipped else L.SINGLE_BREASTED,
        sleeve=(L.WRIST,),
        open_front=bool(rng.random() < 0.6),
        pocket=L.FLAP_POCKET if length == L.HIP and rng.random() < 0.6 else None,
    )


def _coat(rng):
    length = _pick(rng, L.KNEE, L.MIDI)
    return Garment(
        L.COAT,
        random_cloth(rng, OUTER_PATTERNS),
        length,
        _hem(rng, length),
        _pick(rng, L.STRAIGHT, L.A_LINE),
        lapel=_lapel(rng),
        sleeve=(L.WRIST,),
        opening=_pick(rng, L.SINGLE_BREASTED, L.DOUBLE_BREASTED),
        open_front=bool(rng.random() < 0.4),
        pocket=_pick(rng, L.FLAP_POCKET, L.PATCH_POCKET) if rng.random() < 0.75 else None,
    )


def _lapel(rng):
    return _pick(rng, L.NOTCHED_LAPEL, L.SHAWL_LAPEL)
