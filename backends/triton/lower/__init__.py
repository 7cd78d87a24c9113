"""Whole kernels to tiles: one mapping by the roles of a kernel's dims, three templates.

axis.py      block axes, and indices as sums of their digits
views.py     memory as views, axes that are walked as one joined
code.py      blocks of ops under construction
body.py      a generic's body on blocks
values.py    tensors at the points of a block
shape.py     the form of a kernel: pointwise, rows, product
flash.py     attention among the kernels
roles.py     what arguments are called
pointwise.py rows.py product.py attention.py split.py    the templates
choose.py    schedules by estimate       schedule.py   schedules as data
kernel.py    a kernel as a tile kernel
"""
