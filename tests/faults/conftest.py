"""`--all-faults`: try every mutant, not a sample."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="try every mutant of tests/faults")
