"""Names for the official Fashionpedia (2020) ids that the dolls can show."""

# categories
SHIRT, TOP, SWEATER, JACKET, PANTS, SHORTS, SKIRT, COAT, DRESS, JUMPSUIT = (
    0,
    1,
    2,
    4,
    6,
    7,
    8,
    9,
    10,
    11,
)
MAIN_GARMENTS = range(13)
GLASSES, HAT, BELT, TIGHTS, SHOE, BAG, SCARF = 13, 14, 19, 21, 23, 24, 25
COLLAR, LAPEL, SLEEVE, POCKET, NECKLINE = 28, 29, 31, 32, 33

# Their pixels belong to their garment as well.
GARMENT_PARTS = (COLLAR, LAPEL, SLEEVE, POCKET, NECKLINE)

# attributes: textile pattern
PLAIN, CHECK, DOT, FLORAL, STRIPE = 317, 322, 323, 325, 328
# silhouette
FLARE, PENCIL, STRAIGHT, A_LINE, TIGHT_FIT, LOOSE_FIT = 118, 127, 128, 129, 135, 137
# length of the garment
ABOVE_THE_HIP, HIP, MINI, KNEE, MIDI, MAXI = 146, 147, 149, 151, 153, 154
# length of the sleeve (SLEEVELESS belongs to the garment, which has no sleeve)
SLEEVELESS, SHORT, WRIST = 156, 157, 160
# nicknames of parts
SHIRT_COLLAR, NOTCHED_LAPEL, SHAWL_LAPEL, PUFF_SLEEVE = 163, 174, 176, 209
PATCH_POCKET, KANGAROO_POCKET, FLAP_POCKET = 218, 220, 224
# neckline
ROUND_NECK, V_NECK, SQUARE_NECK, TURTLE_NECK = 182, 183, 191, 198
# opening
SINGLE_BREASTED, DOUBLE_BREASTED, ZIP_UP, NO_OPENING = 225, 226, 229, 234
