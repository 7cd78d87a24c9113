"""Bounds of layers and networks on a machine, and their picture."""
