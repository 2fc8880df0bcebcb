"""Passes over features: what fills in one, in this process or over a cluster, and how it goes on after a break."""
