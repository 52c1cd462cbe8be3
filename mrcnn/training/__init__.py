"""Training: how long, how fast, which layers, and what is kept; the network does not know that it is being trained."""
