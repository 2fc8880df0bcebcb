"""Figures for papers: the charts of results, drawn by Matplotlib at the width of a column."""
