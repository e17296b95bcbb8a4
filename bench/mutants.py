"""Small changes to Python source that a good test must notice: one operator, constant, state or answer at a time."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_COMPARED: Final = {
    ast.Lt: ("<", ("<=",)),
    ast.LtE: ("<=", ("<",)),
    ast.Gt: (">", (">=",)),
    ast.GtE: (">=", (">",)),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_CALCULATED: Final = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
}
_JOINED: Final = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
_NAMED: Final = {
    "ZERO": "ONE",
    "ONE": "ZERO",
    "NOTHING": "ONE",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "ROUND_DOWN": "ROUND_UP",
    "ROUND_UP": "ROUND_DOWN",
    "ROUND_FLOOR": "ROUND_CEILING",
    "ROUND_CEILING": "ROUND_FLOOR",
    "ROUND_HALF_EVEN": "ROUND_UP",
}
# Members of the words that breakers, orders and taints are told in.
_WORDS: Final = {
    "TradingState": ("ACTIVE", "REDUCING", "HALTED"),
    "Kind": ("CONDITION", "WINDOW", "LATCH"),
    "Scope": ("ACCOUNT", "VENUE", "SYMBOL"),
    "Side": ("BUY", "SELL"),
    "OrderType": ("MARKET", "LIMIT", "STOP"),
    "Taint": ("TRUSTED", "DERIVED", "UNTRUSTED", "HOSTILE"),
    "ContractKind": ("SPOT", "PERPETUAL"),
    "Outcome": ("PASSED", "DENIED", "EXEMPT"),
}
_TEXTS: Final = {"trips": "ignored", "ignored": "trips", "active": "halted", "reducing": "active", "halted": "reducing"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the bytes of a file from `start` to `end` become `new`."""

    path: str
    line: int
    start: int
    end: int
    kind: str
    old: str
    new: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]

    def shown(self, source: bytes) -> str:
        """file:line, and the line before and after."""
        first, last = source.rfind(b"\n", 0, self.start) + 1, source.find(b"\n", self.end)
        before = source[first:last].decode()
        after = (source[first : self.start] + self.new.encode() + source[self.end : last]).decode()
        return f"{self.path}:{self.line} [{self.kind}]\n    - {before.strip()}\n    + {after.strip()}"


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """Every mutant of one file, in the order of the source."""
    return sorted(_Finder(path, source).find(), key=lambda m: (m.start, m.new))


class _Finder:
    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def find(self) -> Iterator[Mutant]:
        yield from self._within(ast.parse(self._source))

    def _within(self, node: ast.AST) -> Iterator[Mutant]:
        yield from self._at(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_text_alone(child):
                    yield from self._within(child)

    def _at(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare):
            left = node.left
            for op, right in zip(node.ops, node.comparators, strict=True):
                old, news = _COMPARED[type(op)]
                for new in news:
                    yield self._between(left, right, "comparison", old, new)
                left = right
        elif isinstance(node, ast.BinOp) and type(node.op) in _CALCULATED:
            if not (isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant | ast.JoinedStr)):
                yield self._between(node.left, node.right, "arithmetic", *_CALCULATED[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield self._between(left, right, "and/or", *_JOINED[type(node.op)])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            kind = "not" if isinstance(node.op, ast.Not) else "sign"
            yield self._instead(node, kind, f"({self._text(node.operand)})")
        elif isinstance(node, ast.Constant):
            yield from self._constant(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _NAMED:
            kind = "rounding" if node.id.startswith("ROUND") or node.id in ("floor", "ceil") else "constant"
            yield self._instead(node, kind, _NAMED[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            for other in _WORDS.get(node.value.id, ()):
                if node.attr in _WORDS[node.value.id] and other != node.attr:
                    yield self._instead(node, "state", f"{node.value.id}.{other}")
        elif isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
            yield self._instead(node.value, "answer", "None")
            if not (isinstance(node.value, ast.Name) and node.value.id == "ZERO"):
                yield self._instead(node.value, "answer", "__import__('decimal').Decimal(0)")

    def _constant(self, node: ast.Constant) -> Iterator[Mutant]:
        value = node.value
        if isinstance(value, bool):
            yield self._instead(node, "constant", str(not value))
        elif isinstance(value, int):
            yield self._instead(node, "constant", {0: "1", 1: "0"}.get(value, str(value + 1)))
        elif isinstance(value, str) and value in _TEXTS:
            yield self._instead(node, "state", f'"{_TEXTS[value]}"')
        elif isinstance(value, str) and _is_number(value):
            yield self._instead(node, "constant", f'"{value}1"' if "." in value else f'"{int(value) + 1}"')

    def _between(self, left: ast.AST, right: ast.AST, kind: str, old: str, new: str) -> Mutant:
        """The operator stands between its operands, beside nothing but spaces and parentheses."""
        gap_start, gap_end = self._span(left)[1], self._span(right)[0]
        gap = self._source[gap_start:gap_end].decode()
        at = gap_start + len(gap[: gap.index(old)].encode())
        return self._mutant(at, at + len(old.encode()), kind, new)

    def _instead(self, node: ast.AST, kind: str, new: str) -> Mutant:
        return self._mutant(*self._span(node), kind, new)

    def _mutant(self, start: int, end: int, kind: str, new: str) -> Mutant:
        line = self._source.count(b"\n", 0, start) + 1
        return Mutant(self._path, line, start, end, kind, self._source[start:end].decode(), new)

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()


def _is_text_alone(node: ast.AST) -> bool:
    """A docstring, an f-string (words for a person), or a class variable's annotation alone."""
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
