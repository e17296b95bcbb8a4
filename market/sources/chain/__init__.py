"""What blockchains say: gas prices, and what moves to and from exchanges."""
