"""Who sits behind the reasoner port in a campaign, and what became of it.

All get what every reasoner gets: a brief, and tools that read and compute. A model is text that is parsed into typed
answers; the worst one fills them with whatever it likes, and asks for tools that nobody has.
"""
