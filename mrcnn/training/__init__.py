"""Training: how long, how fast, which layers, and what is stored. Networks do not know of it."""
