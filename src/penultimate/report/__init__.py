"""What people see: sentences, tables, charts, pages, and the plain records behind them."""
