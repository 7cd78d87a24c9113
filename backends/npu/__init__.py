"""Programs for a systolic NPU, and the machine that runs them."""
