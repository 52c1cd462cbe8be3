"""Labels: the official lists of categories and attributes, and the ontology that reads them."""
