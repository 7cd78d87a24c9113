"""Integers for floats: the ranges of activations, what is quantised, and the QDQ form of a graph."""
