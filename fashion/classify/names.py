"""Names that the options of `mnist` take, without the networks and recipes behind them."""

NETWORK_NAMES = ("one", "two", "three")  # by the number of convolutions
RECIPE_NAMES = ("report", "best", "best-all")
