"""What a strategy must stand before it is believed: honesty about time, costs, luck, and what it was picked from."""
