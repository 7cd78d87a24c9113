"""Layers of the vector unit as instructions."""
