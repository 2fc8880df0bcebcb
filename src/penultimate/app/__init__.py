"""The page of ``penultimate app``: settings become a result, and its report is shown while one plays with them."""
