"""The wardrobe: which clothes a doll wears, of what cloth, and which official attributes one then sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.patterns import Cloth, random_cloth, random_color, random_contrast

# Hem of each length, in figure heights below the crown: far enough apart to be told from each other.
HEMS = {L.ABOVE_THE_HIP: (.425, .445), L.HIP: (.515, .535), L.MINI: (.605, .635), L.KNEE: (.730, .750),
        L.MIDI: (.825, .845), L.MAXI: (.905, .925)}
UPPER_PATTERNS = {L.PLAIN: .3, L.STRIPE: .2, L.CHECK: .16, L.DOT: .17, L.FLORAL: .17}
LOWER_PATTERNS = {L.PLAIN: .5, L.STRIPE: .14, L.CHECK: .14, L.DOT: .12, L.FLORAL: .1}
OUTER_PATTERNS = {L.PLAIN: .62, L.CHECK: .24, L.STRIPE: .14}
KNIT_PATTERNS = {L.PLAIN: .6, L.STRIPE: .4}
_NO_SKIN = (.2, .95)          # hues that no skin has, so that tights can be told from legs
UPPER, LOWER = (L.SHIRT, L.TOP, L.SWEATER), (L.PANTS, L.SHORTS, L.SKIRT)


@dataclass(frozen=True)
class Garment:
    """A main garment with its parts. Labels are official ids, or None where the garment has no such thing."""

    category_id: int
    cloth: Cloth
    length: int
    hem_y: float
    silhouette: int | None = None
    neckline: int | None = None
    collar: int | None = None
    lapel: int | None = None
    sleeve: tuple = ()          # attribute ids of each sleeve; empty: no sleeves
    opening: int | None = None
    pocket: int | None = None
    open_front: bool = False
    tucked: bool = False

    def attribute_ids(self, outer=None):
        """What one can see of this garment under `outer` (a Garment or None); what is hidden is left out."""
        ids = [self.cloth.pattern]
        longer = outer is None or self.hem_y > outer.hem_y + .04
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
    """What one doll wears; the garments are in drawing order. Colours are RGB; None: not worn."""

    garments: tuple
    outer: Garment | None
    shoes: str
    shoe_color: tuple
    tights: tuple | None
    belt: tuple | None
    hat: str | None
    hat_cloth: Cloth
    glasses: tuple | None
    bag: str | None
    bag_color: tuple
    scarf: Cloth | None

    @property
    def belt_over(self):
        """The garment on which the belt lies: a closed coat, else the last of the garments."""
        return _frontmost(self.garments, self.outer)

    @property
    def in_trousers(self):
        """Whether trousers cover the legs down to the ankles."""
        return any(g.category_id in (L.PANTS, L.JUMPSUIT) for g in self.garments)

    @property
    def narrow_stance(self):
        """Whether the legs must stay together, under a coat or in a pencil skirt."""
        return self.outer is not None and self.outer.category_id == L.COAT or any(
            g.silhouette == L.PENCIL for g in self.garments)


def random_outfit(rng):
    kind = rng.random()
    if kind < .25:
        garments = (_dress(rng),)
    elif kind < .38:
        garments = (_jumpsuit(rng),)
    else:
        upper, lower = _upper(rng), _lower(rng)
        tucked = rng.random() < .3 and upper.category_id != L.SWEATER and upper.pocket != L.KANGAROO_POCKET
        garments = (replace(upper, tucked=True, hem_y=.45), lower) if tucked else (lower, upper)
    outer = _jacket(rng) if (cold := rng.random()) < .2 else _coat(rng) if cold < .38 else None
    bare_legs = any(g.category_id in (L.DRESS, L.SKIRT, L.SHORTS) for g in garments)
    waist_free = garments[-1].category_id in (L.DRESS, L.JUMPSUIT, *LOWER)
    belted = (waist_free and (outer is None or outer.open_front) or
              outer is not None and outer.category_id == L.COAT and not outer.open_front)
    return Outfit(
        garments, outer,
        shoes=str(rng.choice(["flat", "sneaker", "boot"], p=[.4, .35, .25])),
        shoe_color=random_color(rng, value=(.12, .95)),
        tights=(random_color(rng, (.25, .95), (.1, .8), hue=_NO_SKIN)
                if bare_legs and rng.random() < .42 else None),
        belt=(random_contrast(rng, _frontmost(garments, outer).cloth.base)
              if belted and rng.random() < .5 else None),
        hat=str(rng.choice(["brim", "beanie", "cap"])) if rng.random() < .34 else None,
        hat_cloth=random_cloth(rng, {L.PLAIN: 1}),
        glasses=random_color(rng, (.2, .9), (.08, .35)) if rng.random() < .34 else None,
        bag=str(rng.choice(["hand", "cross"], p=[.65, .35])) if rng.random() < .42 else None,
        bag_color=random_color(rng, (.25, .9), (.2, .95)),
        scarf=random_cloth(rng, {L.PLAIN: .5, L.STRIPE: .3, L.CHECK: .2}) if rng.random() < .24 else None)


def _frontmost(garments, outer):
    return outer if outer and not outer.open_front else garments[-1]


def _hem(rng, length):
    return float(rng.uniform(*HEMS[length]))


def _pick(rng, *options, p=None):
    """One of the options themselves (rng.choice would turn tuples into arrays)."""
    return options[int(rng.choice(len(options), p=p))]


def _upper(rng):
    category = _pick(rng, *UPPER, p=[.32, .38, .30])
    length = _pick(rng, L.ABOVE_THE_HIP, L.HIP, p=[.4, .6])
    cloth = random_cloth(rng, KNIT_PATTERNS if category == L.SWEATER else UPPER_PATTERNS,
                         knit=category == L.SWEATER)
    common = dict(category_id=category, cloth=cloth, length=length, hem_y=_hem(rng, length),
                  silhouette=_pick(rng, L.TIGHT_FIT, L.LOOSE_FIT))
    if category == L.SHIRT:
        return Garment(**common, collar=L.SHIRT_COLLAR, opening=L.SINGLE_BREASTED,
                       sleeve=_pick(rng, (L.SHORT,), (L.WRIST,), p=[.35, .65]),
                       pocket=L.PATCH_POCKET if rng.random() < .45 else None)
    if category == L.SWEATER:
        return Garment(**common, opening=L.NO_OPENING, sleeve=(L.WRIST,),
                       neckline=_pick(rng, L.TURTLE_NECK, L.ROUND_NECK, L.V_NECK, p=[.45, .3, .25]))
    sleeve = _pick(rng, (), (L.SHORT,), (L.SHORT, L.PUFF_SLEEVE), (L.WRIST,), p=[.19, .29, .19, .33])
    if sleeve == (L.WRIST,):                       # a sweatshirt; its pocket needs the length
        common |= dict(length=L.HIP, hem_y=_hem(rng, L.HIP), pocket=L.KANGAROO_POCKET)
    return Garment(**common, opening=L.NO_OPENING, sleeve=sleeve, neckline=_neckline(rng))


def _neckline(rng):
    return _pick(rng, L.ROUND_NECK, L.V_NECK, L.SQUARE_NECK, L.TURTLE_NECK, p=[.33, .3, .25, .12])


def _lower(rng):
    category = _pick(rng, *LOWER, p=[.38, .24, .38])
    cloth = random_cloth(rng, LOWER_PATTERNS)
    if category == L.PANTS:
        return Garment(category, cloth, L.MAXI, _hem(rng, L.MAXI), _pick(rng, L.STRAIGHT, L.FLARE))
    if category == L.SHORTS:
        length = _pick(rng, L.MINI, L.KNEE)
        return Garment(category, cloth, length, _hem(rng, length) - .01, L.STRAIGHT)
    length = _pick(rng, L.MINI, L.KNEE, L.MIDI, L.MAXI, p=[.32, .26, .21, .21])
    silhouette = _pick(rng, L.PENCIL, L.A_LINE, L.FLARE)
    return Garment(category, cloth, length, _hem(rng, length), silhouette,
                   pocket=L.PATCH_POCKET if silhouette == L.A_LINE and rng.random() < .4 else None)


def _dress(rng):
    length = _pick(rng, L.MINI, L.KNEE, L.MIDI, L.MAXI, p=[.3, .26, .2, .24])
    buttoned = rng.random() < .28
    sleeve = _pick(rng, (), (L.SHORT,), (L.SHORT, L.PUFF_SLEEVE), (L.WRIST,), p=[.3, .22, .27, .21])
    return Garment(L.DRESS, random_cloth(rng, UPPER_PATTERNS), length, _hem(rng, length),
                   _pick(rng, L.PENCIL, L.A_LINE, L.FLARE, p=[.3, .35, .35]), sleeve=sleeve,
                   collar=L.SHIRT_COLLAR if buttoned else None, neckline=None if buttoned else _neckline(rng),
                   opening=L.SINGLE_BREASTED if buttoned else L.NO_OPENING)


def _jumpsuit(rng):
    return Garment(L.JUMPSUIT, random_cloth(rng, UPPER_PATTERNS), L.MAXI, _hem(rng, L.MAXI),
                   _pick(rng, L.STRAIGHT, L.FLARE), neckline=_neckline(rng), opening=L.NO_OPENING,
                   sleeve=_pick(rng, (), (L.SHORT,), (L.WRIST,), p=[.4, .35, .25]))


def _jacket(rng):
    length = _pick(rng, L.ABOVE_THE_HIP, L.HIP, p=[.4, .6])
    zipped = rng.random() < .5
    return Garment(L.JACKET, random_cloth(rng, OUTER_PATTERNS), length, _hem(rng, length), L.STRAIGHT,
                   lapel=None if zipped else _lapel(rng), opening=L.ZIP_UP if zipped else L.SINGLE_BREASTED,
                   sleeve=(L.WRIST,), open_front=bool(rng.random() < .6),
                   pocket=L.FLAP_POCKET if length == L.HIP and rng.random() < .6 else None)


def _coat(rng):
    length = _pick(rng, L.KNEE, L.MIDI)
    return Garment(L.COAT, random_cloth(rng, OUTER_PATTERNS), length, _hem(rng, length),
                   _pick(rng, L.STRAIGHT, L.A_LINE), lapel=_lapel(rng), sleeve=(L.WRIST,),
                   opening=_pick(rng, L.SINGLE_BREASTED, L.DOUBLE_BREASTED),
                   open_front=bool(rng.random() < .4),
                   pocket=_pick(rng, L.FLAP_POCKET, L.PATCH_POCKET) if rng.random() < .75 else None)


def _lapel(rng):
    return _pick(rng, L.NOTCHED_LAPEL, L.SHAWL_LAPEL)
