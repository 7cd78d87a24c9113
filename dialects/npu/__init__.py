"""Instructions of the NPU: one op for each, made from one declaration of the instruction set."""
