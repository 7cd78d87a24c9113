"""What `aic gpu` carries to a machine with a GPU."""
