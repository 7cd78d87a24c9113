"""Simulators of the NPU: values, time, and the array register by register."""
