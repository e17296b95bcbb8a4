"""Every route against every scope, from the document alone: a new route is tried as soon as it is written."""

from collections.abc import Iterator

from core.canonical import JSON
from desk.access import Scope
from tests.api.rest.conftest import SCOPES, Api, problem

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
PUBLIC = {"/healthz", "/readyz", "/v1/signals/key"}
EXAMPLES = {"symbol": "BTC/USDT"}
ABSENT = "00000000-0000-0000-0000-000000000000"


def operations(document: JSON) -> Iterator[tuple[str, str, JSON]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


async def document(api: Api) -> JSON:
    return (await api.get("/v1/openapi.json")).json()


async def tried(api: Api, path: str, method: str, operation: JSON, key: str | None) -> int:
    """The status, with values that pass every check but for what they name."""
    filled = path
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            filled = filled.replace(f"{{{parameter['name']}}}", ABSENT)
    body = None if method == "get" else {"reason": "only to see who may"}
    # A closed feed ends a stream at once, so that who may open it can be told.
    headers = {"Idempotency-Key": f"{path}-{key}"[-100:]} if method == "post" else {}
    return (await api.ask(method.upper(), filled, key, json=body, headers=headers)).status_code


async def test_every_route_takes_a_key_but_for_the_few_that_are_public(api: Api) -> None:
    api.at.closing.set()
    found = list(operations(await document(api)))
    assert len(found) > 20
    for path, method, operation in found:
        status = await tried(api, path, method, operation, None)
        assert (status == 401) == (path not in PUBLIC), (method, path, status)
        assert ("security" in operation) == (path not in PUBLIC), path


async def test_a_scope_opens_what_the_document_says_and_nothing_else(api: Api) -> None:
    api.at.closing.set()
    for path, method, operation in operations(await document(api)):
        if path in PUBLIC:
            continue
        opens = {alternative["key"][0] for alternative in operation["security"]}
        assert Scope.ADMIN.value in opens
        for scope in SCOPES:
            for person in (True, False):
                if scope == Scope.RISK_RESUME and not person:
                    continue  # no such key can be made
                status = await tried(api, path, method, operation, api.key_with(scope, person=person))
                allowed = scope in opens and (person or not operation.get("x-persons-only"))
                assert (status != 403) == allowed, (method, path, scope, person, status)
                assert status < 500, (method, path, scope, status)


async def test_only_a_person_may_let_a_stopped_desk_go_on(api: Api) -> None:
    found = await document(api)
    persons = {path for path, _, operation in operations(found) if operation.get("x-persons-only")}
    assert persons == {"/v1/risk/resume"}
    told = problem(await api.post("/v1/risk/resume", {"reason": "x"}, api.key("admin", name="bot")), 403)
    assert "of a person" in told["detail"]


async def test_a_tampered_expired_or_revoked_key_opens_nothing(api: Api) -> None:
    from desk import access

    key = api.key("audit:read")
    assert (await api.get("/v1/models", key)).status_code == 200
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), key[:-1], key + "x", "tw_", "x" * 5000, key.upper()):
        problem(await api.get("/v1/models", wrong), 401, "unauthenticated")
    for header in (f"Basic {key}", key, "Bearer", "Bearer ", f"Bearer {key} {key}"):
        problem(await api.get("/v1/models", headers={"Authorization": header}), 401)
    now_ns = api.at.clock.now_ns()
    short = api.key("audit:read", expires_ns=now_ns + 10**15)
    assert (await api.get("/v1/models", short)).status_code == 200
    api.at.keys._clock = _Later(now_ns + 10**15)
    problem(await api.get("/v1/models", short), 401)
    said = {"by": "test", "reason": "lost", "now_ns": now_ns}
    api.at.books.write(lambda conn: access.revoke(conn, key.split("_")[1], **said))  # type: ignore[arg-type]
    problem(await api.get("/v1/models", key), 401)


async def test_signals_are_for_one_principal_where_third_parties_are_not_served(api: Api) -> None:
    first, second = api.key("signals:read", name="ada"), api.key("signals:read", name="bob")
    api.at.keys._third_parties = False
    assert (await api.get("/v1/signals", first)).status_code == 200
    problem(await api.get("/v1/signals", second), 403, "third-parties")
    assert (await api.get("/v1/signals", api.key("admin", name="ops"))).status_code == 200


async def test_every_operation_is_described_with_its_problems(api: Api) -> None:
    for path, method, operation in operations(await document(api)):
        assert operation["description"], path
        assert operation["tags"], path
        if path not in PUBLIC:
            assert {"401", "403", "422", "429"} <= operation["responses"].keys(), path
        if method == "post":
            names = {p["name"]: p["required"] for p in operation["parameters"] if p["in"] == "header"}
            assert names == {"Idempotency-Key": True}, path


class _Later:
    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns
