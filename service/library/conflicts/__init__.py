"""Where published documents contradict each other.

``topics`` loads the questions documents may answer differently (``knowledge/library/claims``), ``statements`` takes a
document apart into sentences with what stands above them, ``claims`` hears which answer a sentence gives, ``pairs``
finds answers that cannot both hold, ``near`` finds what no topic asks, ``detect`` does all of it for a generation and
remembers, ``overruling`` says which passages a draft may not rest on.
"""
