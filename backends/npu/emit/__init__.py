"""Programs as files: encoded, in containers, as assembly; what is written for a compiled model."""
