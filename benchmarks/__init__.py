"""How fast and how small P-KAI is, beside the design that it replaces; numbers are printed and recorded, never asserted."""
