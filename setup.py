"""The repository root is the package `aic`; everything else about the distribution stands in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("backends", "compiler", "dialects", "passes", "tools")

setup(
    script_name="setup.py",  # keeps setup.py itself out of the wheel
    package_dir={"aic": "."},
    packages=["aic", *(f"aic.{p}" for p in find_packages(include=[g for r in ROOMS for g in (r, f"{r}.*")]))],
)
