"""The `aic` command in this process."""

import pytest
from aic.__main__ import main


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `aic ARGV`."""
    capsys.readouterr()
    code = main(argv)
    return code, *capsys.readouterr()
