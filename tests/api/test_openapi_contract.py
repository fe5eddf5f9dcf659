"""Every endpoint keeps to its own description, whatever is asked."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from tests.api.conftest import WITHOUT_LIMIT, served

from forcedflow.server import Desk, EventStream, create_app

# Which parameters exclude each other, and how far a price may be, no schema can say; and answers
# of a stage that needs minutes of simulated market are held elsewhere.
_CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "422", "501", "503"]},
        },
    }
)


EXAMPLES = 8


def ask(operation, mode):
    """Ask one endpoint by its description, or against it."""

    @settings(
        deadline=None,
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps_to_its_description(case):
        case.call_and_validate(timeout=30)

    keeps_to_its_description()


@pytest.fixture(scope="module")
def described(market):
    """A server whose stream has ended, so that hearing it ends too."""
    held, end_ms = market
    events = EventStream()
    events.close()
    app = create_app(Desk(held, lambda: end_ms, events), limits=WITHOUT_LIMIT)
    with served(app, events) as port:
        address = f"http://127.0.0.1:{port}/openapi.json"
        yield schemathesis.openapi.from_url(address, config=_CONFIG)


def test_every_endpoint_keeps_to_its_description(described):
    asked = []
    for found in described.get_all_operations():
        operation = found.ok()
        ask(operation, GenerationMode.POSITIVE)
        if len(operation.query):
            ask(operation, GenerationMode.NEGATIVE)
        asked.append(operation.path)
    assert len(asked) == 29


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("heatmap", {"range": "12h"}),
        ("zones", {}),
        ("ladder", {"bins": 20}),
        ("whatif", {"move": "-2%"}),
        ("cascade", {"scenarios": 100}),
        ("series", {"range": "12h"}),
        ("scorecard", {}),
        ("coinglass/map", {}),
        ("coinglass/heatmap", {"range": "12h"}),
    ],
)
def test_what_is_held_is_answered_as_described(described, path, asked):
    operation = described[f"/api/v1/{path}"]["GET"]
    case = operation.Case(query={"symbol": "SIM", "venue": "sandbox", **asked})
    assert case.call_and_validate(timeout=30).status_code == 200


def test_every_endpoint_is_described_with_its_errors(client):
    found = client.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    for path, item in found["paths"].items():
        assert list(item) == ["get"], path
        responses = item["get"]["responses"]
        assert {"200", "401", "422", "429"} <= responses.keys()
        schema_of = responses["422"]["content"]["application/json"]["schema"]
        assert schema_of == {"$ref": "#/components/schemas/ErrorBody"}
        assert item["get"]["summary"]
        for parameter in item["get"].get("parameters", []):
            assert parameter["in"] in {"query", "header"}
