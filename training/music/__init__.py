"""Music before it sounds: performances as notes and pedal, scores that we entered, and how an expert plays them."""
