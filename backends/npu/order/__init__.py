"""Who touches which bytes in which order: the checker, and the semaphores that make the order."""
