"""What a program did on a machine, and why it was not faster."""
