"""How a network is cut into groups, strips and blocks, and what stays on the chip."""
