"""What the desk knows of the world: recorded candles and a simulated market, both behind the ports of live feeds."""
