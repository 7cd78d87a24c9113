"""The host's part of a compiled model."""
