"""Readers of data sets: one file a format; `registry` finds the right one."""
