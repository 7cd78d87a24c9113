"""Where buffers lie in a memory: rectangles of time and bytes that must not overlap."""
