"""WORDS: what an op is and what it means. No pass, target, model format, file on disk or knob."""

from . import _xdsl as _xdsl
