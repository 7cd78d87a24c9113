"""From a plan to instructions on buffers that have no address yet."""
