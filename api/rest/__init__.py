"""The desk over HTTP: nothing here decides, and nothing here has a way around the gate."""
