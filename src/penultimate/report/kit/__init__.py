"""What all presenters share: numbers in words, the style of charts, tables, pages."""
