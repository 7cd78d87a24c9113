"""Who is to blame: the first pass and rewrite that go wrong, and the smallest model that shows it."""
