"""An audit of a head alone, presented."""
