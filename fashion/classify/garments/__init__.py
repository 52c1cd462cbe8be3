"""Re-scoring: a classifier of crops gives the detections of a detector new scores."""
