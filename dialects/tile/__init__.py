"""Blocks of one program on a GPU: what Triton's language has, with logical indices in place of pointers and masks."""
