"""Where the demonstration data comes from: one module for each source.

Every module reads what an installed package ships and yields frozen dataclasses of plain values. Nothing here
knows the model, opens a network connection or copies data into the repository; the same packages give the
same values on every machine.
"""
