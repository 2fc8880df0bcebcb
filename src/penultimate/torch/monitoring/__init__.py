"""The geometry while it trains: a monitor, its trajectory, callbacks."""
