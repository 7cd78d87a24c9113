"""Graph ops become layers: what the NPU computes of a function, or why it does not."""
