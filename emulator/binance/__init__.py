"""Binance spot: REST under /api/v3, market streams under /ws and /stream, the WebSocket API under /ws-api/v3."""
