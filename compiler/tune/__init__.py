"""Searching the schedules of a model's kernels by measuring them.

task.py       the kernels of a model, each in a module of its own, with how often it is launched
learned.py    a cost model that learns from what was measured
tuners.py     which schedules to try next: random, grid, ga, learned
database.py   what was measured, in sqlite; which schedule won; merging, pruning
records.py    the same as JSON lines
allotment.py  which kernel the next trials go to
remote.py     where kernels are measured: here, or by a worker of a cluster
identity.py   what a measurement holds for
replay.py     what a database holds of a model
tuning.py     all of it in turn, within a budget

Which schedules a kernel has, and what each is like in numbers, tells the pass that chooses them
(dialects/_schedules.py).
"""
