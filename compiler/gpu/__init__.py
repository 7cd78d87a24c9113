"""What a machine with a GPU needs to check and time compiled models: nothing of aic, but torch, triton and numpy.

anchor.py   the network as a torch module, to time against
bundle.py   a folder with models, inputs, and what every launch is to compute
"""
