"""The network that `aic demo` compiles: handwritten digits of 8x8 pixels, trained by train.py."""
