"""The chat: one engine, and two ways to think. It reads, it asks for orders, and a person confirms each."""
