"""The one HTTP client: polite, bounded, and unable to reach what is not public. It loads where it is used."""

from market.web.answers import Answer, Unavailable, Unwilling, WebCounts

__all__ = ["Answer", "Unavailable", "Unwilling", "WebCounts"]
