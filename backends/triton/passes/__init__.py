"""The passes of the Triton target: schedules of kernels, and kernels as tile kernels."""
