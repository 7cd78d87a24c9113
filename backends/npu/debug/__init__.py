"""A program under observation, step by step."""
