"""The NPU as its users meet it: programs from wherever they are, runs, sweeps, goals, and `aic.npu`."""
