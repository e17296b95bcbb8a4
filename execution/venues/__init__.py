"""Where orders can go."""
