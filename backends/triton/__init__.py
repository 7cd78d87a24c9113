"""Triton kernels for GPUs, and the host programs that launch them: a Python module, and C on the CUDA driver."""
