"""A kernel's generics as loop nests: what is read where, which generics run together, tiles, and the loops themselves.

tiling.py   vector dim, register tile, order of loops (the analytic default)
scope.py    blocks under construction: loads at the loop they depend on, constants, splats
body.py     a generic's body at a point, scalar or vector
stage.py    the loops of one stage
schedule.py a schedule's tiles as data and as text
legality.py why a stage cannot be carried out as a schedule asks
signature.py what tells kernels apart whose best schedules may differ
"""
