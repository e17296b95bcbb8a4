"""Rule-based playbooks, in two shapes (`shapes`): exposures over arrays, and orders stepped from a state."""
