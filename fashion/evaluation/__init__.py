"""How good are the garments and their attributes, by the measures of the field and of Kaggle?"""
