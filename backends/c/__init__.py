"""The C target: a kernel is a static function, the model a list of calls with offsets into one arena.

target.py    the contract            types.py    C types, vectors, masks      values.py   names, constants
table.py     op -> text              arithmetic.py, functions.py, memory.py, control.py   the table's parts
program.py   functions and the file  blob.py     the weights                  build.py    gcc, in parallel, cached
runtime/     vector math and what C lacks
"""
