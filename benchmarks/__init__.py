"""How fast and how small P-KAI is, beside the design that it replaces: printed and recorded, never asserted."""
