"""How good the judge is: against people, elsewhere, on damaged recordings; and the card that tells it."""
