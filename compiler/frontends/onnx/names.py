"""Names of a model in messages: control characters escaped, absurd lengths cut. They reach no other text of ours."""

LIMIT = 120


def printable(name: str) -> str:
    """`name` on one line of at most 120 characters, whatever it holds."""
    cut = name if len(name) <= LIMIT else f"{name[: LIMIT - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in cut)
