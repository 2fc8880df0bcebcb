"""Any convex loss with one layer, solved to a certificate (docs/theory §5)."""
