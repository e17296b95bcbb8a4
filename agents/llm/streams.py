"""A streamed answer, put together as it comes."""

from typing import Any

from core.canonical import JSON


class Gathered:
    """The parts of one stream. `size` is in characters, calls included."""

    def __init__(self) -> None:
        self.size = 0
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thought = False
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish: str | None = None
        self._about: dict[str, Any] = {}

    def add(self, chunk: JSON) -> str:
        """Takes one chunk; answers the text that it adds."""
        for name in ("model", "system_fingerprint", "usage", "error"):
            if chunk.get(name):
                self._about[name] = chunk[name]
        choices = [c for c in chunk.get("choices") or [] if isinstance(c, dict) and not c.get("index")]
        if not choices:
            return ""
        choice = choices[0]
        self._finish = choice.get("finish_reason") or self._finish
        if choice.get("error"):
            self._about["error"] = choice["error"]
        delta = choice.get("delta") or {}
        for at, call in enumerate(delta.get("tool_calls") or []):
            self._add_call(call, at)
        if delta.get("function_call"):
            self._add_call({"function": delta["function_call"]}, 0)
        self._thought = self._thought or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        self._keep(self._refusal, delta.get("refusal"))
        return self._keep(self._text, delta.get("content"))

    def whole(self) -> JSON:
        """The answer as it would have come in one piece."""
        message = {
            "content": "".join(self._text),
            "refusal": "".join(self._refusal),
            "reasoning": "yes" if self._thought else "",
            "tool_calls": [self._calls[index] for index in sorted(self._calls)],
        }
        return {**self._about, "choices": [{"message": message, "finish_reason": self._finish}]}

    def _keep(self, parts: list[str], text: Any) -> str:
        if not isinstance(text, str) or not text:
            return ""
        self.size += len(text)
        parts.append(text)
        return text

    def _add_call(self, part: dict[str, Any], at: int) -> None:
        index = part.get("index")
        call = self._calls.setdefault(index if isinstance(index, int) else at, {"id": "", "function": {}})
        call["id"] = call["id"] or part.get("id") or ""
        told, kept = part.get("function") or {}, call["function"]
        kept["name"] = kept.get("name") or told.get("name") or ""
        arguments = told.get("arguments") or ""
        if isinstance(arguments, str):
            kept["arguments"] = kept.get("arguments", "") + arguments
            self.size += len(arguments)
