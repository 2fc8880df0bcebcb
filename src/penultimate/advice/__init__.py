"""Pieces of advice, one a file: weight decay, loss, samples, width, head. `penultimate.advise` puts them together."""
