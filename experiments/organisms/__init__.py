"""Claims about organisms: each grows its own, measures them, and writes rows, table and figure."""
