"""Rules of the operator's own: found where they are installed, named in the policy, and only ever one more denial."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from core.canonical import digest_bytes
from core.errors import ConfigError
from core.verdicts import Outcome
from risk.plugins import _ATTRIBUTES, GROUP, identities, load
from risk.rules import RULES
from risk.rules.base import Rule
from tests.risk.builders import buy, facts_of, held, judged, sell

Install = Callable[..., str]
_NUMBERS = count()  # a module is imported once in a process, so that each installed one has a name of its own

RULE = '''
from core.money import ONE, ZERO
from risk.rules.base import CountRule


class NoTrend(CountRule):
    """An order of the owner `trend`, which the house does not want."""

    code = "NO_TREND"
    layer = "conduct"

    def measure(self, c):
        return ONE if c.order.owner == "trend" else ZERO
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one rule where Python looks for it, as an installer leaves it. Answers its module."""

    def installed(source: str = RULE, attr: str = "NoTrend", version: str = "1.2", beside: str | None = None) -> str:
        module = f"house_rules_{next(_NUMBERS)}"
        folder = tmp_path / module
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        if beside is None:
            (folder / f"{module}.py").write_text(source)
        else:
            (folder / module).mkdir()
            (folder / module / "__init__.py").write_text(source)
            (folder / module / "beside.py").write_text(beside)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nhouse = {module}:{attr}\n")
        monkeypatch.syspath_prepend(str(folder))
        return module

    return installed


def test_without_plug_ins_there_are_none() -> None:
    assert load() == ()
    assert identities() == {}


def test_an_installed_rule_is_found(install: Install) -> None:
    install()
    assert [rule.code for rule in load()] == ["NO_TREND"]


def test_an_installed_rule_denies(install: Install) -> None:
    install()
    rules = [*RULES, *load()]
    wanted, other = buy("0.01"), buy("0.01", owner="another")
    assert judged(wanted, facts_of(wanted), rules=rules).denials == ["NO_TREND"]
    assert judged(other, facts_of(other), rules=rules).allowed


def test_an_installed_rule_holds_no_exit_up(install: Install) -> None:
    install()
    wanted = sell("0.01")
    answered = judged(wanted, facts_of(wanted, positions=[held("1")]), rules=[*RULES, *load()])
    assert answered.allowed
    assert answered.of("NO_TREND").outcome is Outcome.EXEMPT


def test_an_installed_rule_that_breaks_denies(install: Install) -> None:
    install(RULE.replace("return ONE if", "return c.nothing if"))
    wanted = buy("0.01")
    answered = judged(wanted, facts_of(wanted), rules=[*RULES, *load()])
    assert answered.denials == ["NO_TREND"]
    assert answered.of("NO_TREND").alarm == "AttributeError"


def test_rules_of_several_distributions_come_by_their_codes(install: Install) -> None:
    install(RULE.replace("NO_TREND", "B_RULE"))
    install(RULE.replace("NO_TREND", "A_RULE"))
    assert [rule.code for rule in load()] == ["A_RULE", "B_RULE"] == [*identities()]


# What it is.


def test_an_installed_rule_is_named_with_its_version_and_its_source(install: Install) -> None:
    module = install()
    assert identities() == {"NO_TREND": f"{module} 1.2 {module}:NoTrend {digest_bytes(RULE.encode())}"}


def test_whatever_changes_beside_a_rule_changes_what_it_is(install: Install) -> None:
    sources = [
        install(RULE.replace("NO_TREND", f"RULE_{n}"), beside=beside) and identities()[f"RULE_{n}"].rsplit(" ", 1)[1]
        for n, beside in enumerate(["LIMIT = 1", "LIMIT = 2"])
    ]
    assert len({*sources}) == 2


# What is refused: the distribution is named, with what was found and what is allowed.


@pytest.mark.parametrize(
    ("found", "changed", "says"),
    [
        ('code = "NO_TREND"', 'code = "no_trend"', "`code` is 'no_trend', allowed is upper-case letters"),
        ('code = "NO_TREND"', "code = 7", "`code` is 7, allowed is upper-case letters"),
        ('code = "NO_TREND"', 'code = "SPREAD"', "`code` is 'SPREAD', allowed is .* none of the desk's own codes"),
        ('code = "NO_TREND"', "", "`code` is missing, allowed is upper-case letters"),
        ('layer = "conduct"', 'layer = "house"', "`layer` is 'house', allowed is one of form, sanity, account, market"),
        ('layer = "conduct"', "", "`layer` is missing, allowed is one of form"),
        ('layer = "conduct"', 'layer = "conduct"; unit = ""', "`unit` is '', allowed is a text"),
        ('layer = "conduct"', 'layer = "conduct"; floor = 1', "`floor` is 1, allowed is True or False"),
        ('layer = "conduct"', 'layer = "conduct"; scales = None', "`scales` is None, allowed is True or False"),
        ('layer = "conduct"', 'layer = "conduct"; person_may = "no"', "`person_may` is 'no', allowed is True or False"),
        (
            'layer = "conduct"',
            'layer = "conduct"; binds_exits = True',
            "`binds_exits` is True, allowed is False: a plug-in may only deny new risk",
        ),
        (
            'layer = "conduct"',
            'layer = "conduct"; setting = "max_trend"',
            "`setting` is 'max_trend', allowed is",
        ),
        ('layer = "conduct"', 'layer = "conduct"; fixed = None', "`fixed` is None, allowed is a text"),
        ('layer = "conduct"', 'layer = "conduct"; missing = 0', "`missing` is 0, allowed is a text"),
        ('layer = "conduct"', 'layer = "conduct"; largest = None', "`largest` is None, allowed is a method"),
        ("def measure", "def measured", "`measure` is missing, allowed is a method"),
    ],
)
def test_what_is_no_rule_is_refused(install: Install, found: str, changed: str, says: str) -> None:
    assert found in RULE
    module = install(RULE.replace(found, changed))
    with pytest.raises(ConfigError, match=f"{module} 1.2 {module}:NoTrend is no rule: {says}"):
        load()


@pytest.mark.parametrize(
    ("source", "attr", "says"),
    [
        ("import nothing_that_is_installed", "NoTrend", "ModuleNotFoundError"),
        ("def (", "NoTrend", "SyntaxError"),
        (RULE, "NoSuchRule", "AttributeError"),
        (RULE + "\n    def __init__(self, needed): ...\n", "NoTrend", "TypeError"),
        ("NoTrend = 7", "NoTrend", "TypeError"),
    ],
)
def test_what_cannot_be_loaded_is_refused(install: Install, source: str, attr: str, says: str) -> None:
    module = install(source, attr)
    with pytest.raises(ConfigError, match=f"{module} 1.2 {module}:{attr} cannot be loaded as a rule: {says}"):
        load()


def test_two_plug_ins_with_one_code_are_refused(install: Install) -> None:
    one, other = install(), install()
    with pytest.raises(ConfigError, match=f"{one} .* and {other} .*|{other} .* and {one} .* both say NO_TREND"):
        load()


def test_what_is_refused_has_no_identity_either(install: Install) -> None:
    install(RULE.replace("NO_TREND", "no_trend"))
    with pytest.raises(ConfigError, match="is no rule"):
        identities()


def test_everything_that_a_rule_has_is_asked_of_a_plug_in() -> None:
    methods = {name for name, member in vars(Rule).items() if callable(member) and not name.startswith("_")}
    assert {*Rule.__annotations__, *methods} == {*_ATTRIBUTES}
