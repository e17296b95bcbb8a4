"""From ingestion to whoever listens: in this process, or over Redis Streams. A slow consumer slows nobody."""
