"""`aic doctor`: versions, compilers, devices, optional packages, and every knob with its value and origin."""

import argparse
import json
import shutil
import subprocess

from ..compiler.crash import package_version, versions
from ..compiler.knobs import CC, knobs

HELP = "tell what aic finds on this machine"
EXTRAS = {
    "ort": ("onnxruntime",),
    "dev": ("pytest", "hypothesis", "filecheck", "lit", "ruff", "pyright"),
    "gpu": ("triton", "torch"),
    "tune": ("xgboost", "optuna"),
    "cluster": ("distributed",),
    "solver": ("ortools",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def first_line(*command: str) -> str:
    """The first line a program prints; `missing` if there is none, `fails` if it does not run."""
    if (program := shutil.which(command[0])) is None:
        return "missing"
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return f"{program}: fails"
    lines = done.stdout.strip().splitlines()
    return f"{program}: {lines[0]}" if lines else program


def compiler() -> str:
    """The C compiler that would be used, with its version."""
    names = [CC.get()] if CC.get() else ["cc", "gcc", "clang"]
    found = [first_line(*name.split(), "--version") for name in names]
    return next((line for line in found if line != "missing"), "missing")


def findings() -> dict[str, dict[str, str]]:
    """All that is told, by section."""
    extras = {f"[{extra}] {name}": package_version(name) for extra, names in EXTRAS.items() for name in names}
    gpu = first_line("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return {
        "versions": versions(),
        "machine": {"C compiler": compiler(), "GPU": gpu},
        "extras": extras,
        "knobs": {knob.variable: f"{knob.get()}   ({knob.origin()}: {knob.help})" for knob in knobs()},
    }


def run(args: argparse.Namespace) -> int:
    """Print the findings; missing tools are told, not an error."""
    found = findings()
    if args.json:
        listed = [
            {"name": k.variable, "value": None if k.get() is None else str(k.get()), "origin": k.origin()}
            for k in knobs()
        ]
        print(json.dumps({"schema": "aic.doctor/1", **found, "knobs": listed}, indent=2))
        return 0
    for section, lines in found.items():
        width = max(map(len, lines))
        print("\n".join([section, *(f"  {name:{width}}  {text}" for name, text in lines.items()), ""]))
    return 0
