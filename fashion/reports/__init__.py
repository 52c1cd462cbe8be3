"""Reports: the pages of a run, of several runs, and of an evaluation."""
