"""Every tool, asked by the official client over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from tests.reference.situations import sandbox_lake

from forcedflow.cli.app import run
from forcedflow.cli.options import iso_time

pytestmark = pytest.mark.slow

TOKEN = "made-token-of-enough-letters"  # noqa: S105 - of this test alone
MARKET = {"symbol": "SIM", "venue": "sandbox"}
ASKED = {
    "heatmap_summary": MARKET,
    "zones": MARKET,
    "whatif": {**MARKET, "move": "-3%"},
    "checklist": {**MARKET, "scenarios": 100},
    "cascade": {**MARKET, "scenarios": 100},
    "scorecard": MARKET,
    "coverage": {},
}


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    lake, end_ms = sandbox_lake(tmp_path_factory.mktemp("mcp") / "lake")
    return lake.root, iso_time(end_ms)


def words(market, *more):
    folder, at = market
    return ["-m", "forcedflow", "mcp", "--lake", str(folder), "--at", at, *more]


@asynccontextmanager
async def over_stdio(market, errors):
    server = StdioServerParameters(command=sys.executable, args=words(market))
    async with Client(stdio_client(server, errlog=errors)) as client:
        yield client


@asynccontextmanager
async def served(market, token):
    """Serve over HTTP in a process of its own and give its address."""
    environment = {k: v for k, v in os.environ.items() if k != "FORCEDFLOW_TOKEN"}
    if token:
        environment["FORCEDFLOW_TOKEN"] = token
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words(market, "--http", "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        yield line.decode().split()[0]
    finally:
        process.terminate()
        await process.wait()
        # Let go of the pipe before the loop is closed, or it warns of it.
        process._transport.close()


@asynccontextmanager
async def over_http(market, _errors):
    async with (
        served(market, TOKEN) as url,
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def said(result):
    return "".join(part.text for part in result.content)


@pytest.mark.parametrize("connect", [over_stdio, over_http])
def test_every_tool_answers_with_assumptions_ages_and_simulated(market, connect, tmp_path):
    async def ask():
        with (tmp_path / "errors").open("w") as errors:
            async with connect(market, errors) as client:
                listed = (await client.list_tools()).tools
                found = {
                    name: await client.call_tool(name, arguments)
                    for name, arguments in ASKED.items()
                }
                return client.instructions, listed, found

    instructions, listed, found = asyncio.run(ask())
    assert {tool.name for tool in listed} == {*ASKED, "forecast"}
    assert all(tool.annotations.read_only_hint for tool in listed)
    assert all(tool.description for tool in listed)
    assert "never advice" in instructions
    for name, result in found.items():
        assert not result.is_error, f"{name}: {said(result)}"
        told = result.structured_content
        assert told["simulated"] is True, name
        assert told["assumptions"], name
        assert told["freshness"], name
        assert json.loads(said(result)) == told


def test_a_tool_says_what_its_command_prints(market, capsys, tmp_path):
    folder, at = market

    async def ask():
        with (tmp_path / "errors").open("w") as errors:
            async with over_stdio(market, errors) as client:
                return {
                    name: (await client.call_tool(name, ASKED[name])).structured_content
                    for name in ("zones", "whatif")
                }

    told = asyncio.run(ask())
    shared = ["SIM", "--venue", "sandbox", "--at", at, "--lake", str(folder), "--json"]
    for name, more in (("zones", []), ("whatif", ["--move", "-3%"])):
        capsys.readouterr()
        assert run([name, *shared, *more]) == 0
        assert json.loads(capsys.readouterr().out) == told[name]


def test_a_forecast_is_what_its_command_says_a_model_or_how_to_get_one(market, capsys, tmp_path):
    folder, at = market

    async def ask():
        with (tmp_path / "errors").open("w") as errors:
            async with over_stdio(market, errors) as client:
                return await client.call_tool("forecast", MARKET)

    result = asyncio.run(ask())
    capsys.readouterr()
    status = run(
        ["forecast", "SIM", "--venue", "sandbox", "--at", at, "--lake", str(folder), "--json"]
    )
    shown = capsys.readouterr()
    if status == 0:
        assert result.structured_content == json.loads(shown.out)
        assert result.structured_content["simulated"] is True
    else:
        assert result.is_error
        assert said(result).endswith(shown.err.removeprefix("error: ").strip())
        assert "hint: forcedflow train forecast" in said(result)


def test_a_summary_adds_up_and_holds_no_picture(market, tmp_path):
    async def ask():
        with (tmp_path / "errors").open("w") as errors:
            async with over_stdio(market, errors) as client:
                found = await client.call_tool("heatmap_summary", MARKET)
                return found.structured_content

    told = asyncio.run(ask())
    below = [row["longs_below"]["usd"] for row in told["standing_if_touched"]]
    assert below == sorted(below)
    assert below[-1] > 0
    assert {row["side"] for row in told["largest_clusters"]} == {"long", "short"}
    assert "cells_base64" not in json.dumps(told)


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("zones", {"symbol": "NOSUCH", "venue": "sandbox"}, "hint: forcedflow"),
        ("zones", {"symbol": "BTC", "venue": "nowhere"}, "is no venue"),
        ("zones", {**MARKET, "at": "yesterday"}, "is no time"),
        ("zones", {**MARKET, "model": "/etc/passwd"}, "model"),
        ("whatif", MARKET, "state either a price or a move"),
        ("whatif", {**MARKET, "move": "-99%"}, "is no move"),
        ("cascade", {**MARKET, "scenarios": 10**9}, "scenarios"),
        ("cascade", {**MARKET, "horizon": "9d"}, "longer than 2d"),
        ("coverage", {"symbol": "NOSUCH"}, "NOSUCH"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_its_remedy(
    market, tool, arguments, expected, tmp_path
):
    from forcedflow.mcp import create_server  # noqa: PLC0415 - in this process, without a pipe
    from forcedflow.store import Lake  # noqa: PLC0415

    async def ask():
        server = create_server(Lake(market[0]), lambda: 0)
        async with Client(server) as client:
            return await client.call_tool(tool, arguments)

    result = asyncio.run(ask())
    assert result.is_error
    assert expected in said(result)
    assert str(tmp_path.parent.parent) not in said(result)


def test_without_the_token_or_by_another_name_nothing_is_answered(market):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}

    async def ask():
        async with served(market, TOKEN) as url, httpx2.AsyncClient(timeout=60) as http:
            return [
                (await http.post(url, json=body, headers=headers)).status_code
                for headers in (
                    {},
                    {"authorization": "Bearer another-token-of-letters"},
                    {"authorization": f"Bearer {TOKEN}", "host": "made.example"},
                    {"authorization": f"Bearer {TOKEN}", "origin": "https://made.example"},
                )
            ]

    assert asyncio.run(ask()) == [401, 401, 403, 403]


def test_an_address_that_others_reach_needs_a_token(market, capsys, monkeypatch):
    monkeypatch.delenv("FORCEDFLOW_TOKEN", raising=False)
    status = run(["mcp", "--http", "--host", "0.0.0.0", "--lake", str(market[0])])  # noqa: S104 - refused
    assert status == 2
    assert "there is no token" in capsys.readouterr().err
