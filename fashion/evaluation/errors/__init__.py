"""Error analysis: what goes wrong, how often, on which objects, and what it costs in AP50."""
