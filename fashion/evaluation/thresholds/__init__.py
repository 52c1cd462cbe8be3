"""Thresholds: from what score on do a detection, a pixel of its mask and an attribute count? Searched for on stored predictions."""
