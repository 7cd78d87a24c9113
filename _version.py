"""The version, alone in its file so that `aic --version` imports nothing else."""

VERSION = "0.1.0"
