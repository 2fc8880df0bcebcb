"""An audit, presented."""
