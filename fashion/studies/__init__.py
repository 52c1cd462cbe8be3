"""Studies: variants of a model trained with several seeds, and what they scored.

`runner` trains what is missing. The detector, the semantic networks and the classifiers each have
their variants as data, and a table or a page of results.
"""

from fashion.studies.detectors import STUDIES
from fashion.studies.study import Study

__all__ = ["STUDIES", "Study"]
