"""Pictures of what a network sees: arrays in, arrays or matplotlib figures out."""
