"""A classifier of garments that looks at each detection once more, closely, and scores it again."""
