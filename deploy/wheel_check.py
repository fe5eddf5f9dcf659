"""Build the wheel from a clean clone and try it as a stranger would: alone, and each extra alone.

In:  what is committed, Node.js for the page, a package index.   Out: times, sizes, a status.
Asks the package index for what is installed; everything else happens in a temporary folder.

``python deploy/wheel_check.py`` checks; ``--only server,report`` tries these extras alone.
"""
# ruff: noqa: INP001, S603, T201 - a script that runs commands and says how it went

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AT = "2024-01-15T00:00Z"
MARKET = ("--days", "2", "--traders", "600", "--seed", "7")
IN_WHEEL = (
    "forcedflow/py.typed",
    "forcedflow/server/static/index.html",
    "forcedflow/notebook/static/widget.js",
    "forcedflow/econ_calendar/events.csv",
)

PROBES: dict[str, tuple[str, ...]] = {
    "report": ("heatmap", "SIM", "--venue", "sandbox", "--at", AT, "--out", "heatmap.png"),
    "alerts": ("alerts", "test", "here", "--rules", "rules.toml"),
    "mcp": ("mcp",),
    "lz4": ("import", "hyperliquid-fills", "21.lz4", "--coin", "BTC"),
    "sql": ("sql", "SELECT count(*) AS rows FROM klines"),
}
"""Commands that need exactly one extra."""

SCRIPTS = {
    "forecast": "import numpy as np\n"
    "from sklearn.ensemble import HistGradientBoostingClassifier as Trees\n"
    "import forcedflow.forecast.boosted\n"
    "Trees(max_iter=2).fit(np.arange(40.0)[:, None], np.arange(40) % 2)\n",
    "ccxt": "import ccxt\nfrom forcedflow.venues.network import connect_venue\n"
    "from forcedflow.settings import Settings\n"
    "assert connect_venue('ccxt:bingx', Settings()).connector.name == 'ccxt:bingx'\n",
    "ray": "import ray\nimport forcedflow.executors.ray\n"
    "ray.init(num_cpus=1, include_dashboard=False)\n"
    "assert ray.get(ray.remote(lambda: 7).remote()) == 7\n",
    "s3": "import obstore\nfrom obstore.store import MemoryStore\nimport forcedflow.store\n"
    "obstore.put(MemoryStore(), 'x', b'y')\n",
    "notebook": "import anywidget\nimport plotly\nimport forcedflow.notebook\n",
}
"""What to run where no single command needs the extra."""


def main() -> int:
    """Build, install and try; return 0 if everything works."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    parser = argparse.ArgumentParser(description="Try the wheel as a stranger would.")
    parser.add_argument("--only", help="extras to try, joined by commas; all by default")
    wanted = parser.parse_args().only
    names = wanted.split(",") if wanted else [name for name in extras if name != "all"]
    with tempfile.TemporaryDirectory(prefix="forcedflow-wheel-") as folder:
        work = Path(folder)
        path = _tools(work / "tools")
        with _timed("page, sdist, and the wheel from the sdist"):
            wheel = _build(work, path)
        _say_sizes(wheel)
        home = work / "home"
        home.mkdir()
        environment = {
            "PATH": path,
            "HOME": str(home),
            "UV_TOOL_DIR": str(work / "apps"),
            "UV_TOOL_BIN_DIR": str(work / "bin"),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "UV_PYTHON_DOWNLOADS": "never",
            "FORCEDFLOW_LAKE": str(home / "lake"),
            "COLUMNS": "100",
        } | {name: value for name, value in os.environ.items() if _INDEX.match(name)}
        with _timed("install, as uv tool install does"):
            _run(
                ["uv", "tool", "install", "--quiet", "--python", sys.executable, wheel], environment
            )
        command = str(work / "bin" / "forcedflow")
        with _timed("forcedflow --version"):
            print("   ", _run([command, "--version"], environment, home).strip())
        with _timed("forcedflow demo --headless, with no extra and the loops not compiled yet"):
            _run([command, "demo", "--headless", "--lake", "lake", *MARKET], environment, home)
        _write_inputs(home)
        for name in names:
            with _timed(f"extra [{name}], alone"):
                _try_extra(name, wheel, work, environment, home)
    return 0


_INDEX = re.compile(r"(UV_|PIP_|SSL_)|.*_PROXY$|.*_proxy$|REQUESTS_CA_BUNDLE$")
"""Variables that say where packages come from."""


def _tools(folder: Path) -> str:
    """Return a PATH that has what a machine without Node.js has, and uv."""
    folder.mkdir()
    uv = Path(sys.executable).with_name("uv")
    (folder / "uv").symlink_to(uv if uv.exists() else Path(shutil.which("uv") or "uv"))
    for name in ("git", "sh", "bash", "uname", "ldd", "true", "getconf", "ld", "gcc"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return str(folder)


def _build(work: Path, path: str) -> Path:
    clone = work / "clone"
    _run(
        ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone)], dict(os.environ)
    )
    for words in (("ci", "--silent", "--no-audit", "--no-fund"), ("run", "--silent", "build")):
        _run(["npm", *words], dict(os.environ), clone / "dashboard")
    # The wheel is built from the sdist, without Node.js: whoever has the sdist can do it too.
    shutil.rmtree(clone / "dashboard")
    _run(
        ["uv", "build", "--quiet", "--python", sys.executable, "--out-dir", str(work / "dist")],
        dict(os.environ) | {"PATH": path},
        clone,
    )
    (wheel,) = (work / "dist").glob("*.whl")
    return wheel


def _say_sizes(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as held:
        names = held.namelist()
    for name in IN_WHEEL:
        if name not in names:
            raise SystemExit(f"{name} is not in the wheel")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        raise SystemExit("the licence is not in the wheel")
    for file in sorted(wheel.parent.iterdir()):
        if file.suffix in {".whl", ".gz"}:
            print(f"    {file.name}: {file.stat().st_size / 1e6:.2f} MB")


def _write_inputs(home: Path) -> None:
    (home / "rules.toml").write_text(
        '[targets.here]\nkind = "apprise"\nurl_env = "HERE"\n\n'
        '[[rules]]\nname = "blind"\nkind = "data_stale"\nolder_than = "15m"\n'
        'targets = ["here"]\n',
        encoding="utf-8",
    )


def _try_extra(name: str, wheel: Path, work: Path, environment: dict[str, str], home: Path) -> None:
    python = _environment_of(name, wheel, work, environment)
    if name == "server":
        _serve(python, environment, home)
    elif name in SCRIPTS:
        _run([python, "-c", SCRIPTS[name]], environment, home)
    elif name in PROBES:
        _probe(name, python, environment, home)
    else:
        raise SystemExit(f"nobody has said how to try the extra [{name}]: deploy/wheel_check.py")


def _environment_of(name: str, wheel: Path, work: Path, environment: dict[str, str]) -> str:
    folder = work / "extras" / name
    _run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)], environment)
    python = str(folder / "bin" / "python")
    _run(
        [
            "uv",
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            f"forcedflow[{name}] @ file://{wheel}",
        ],
        environment,
    )
    size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"    [{name}]: {size / 1e6:,.0f} MB installed")
    return python


def _probe(name: str, python: str, environment: dict[str, str], home: Path) -> None:
    if name == "lz4":
        script = "import lz4.frame; open('21.lz4', 'wb').write(lz4.frame.compress(b''))"
        _run([python, "-c", script], environment, home)
    with _listener() as port:
        variables = environment | {"HERE": f"json://127.0.0.1:{port}/"}
        _run([python, "-m", "forcedflow", *PROBES[name]], variables, home)


def _serve(python: str, environment: dict[str, str], home: Path) -> None:
    """Serve, ask for the page and for an answer, and end it."""
    words = [python, "-m", "forcedflow", "serve", "--port", "0", "--at", AT]
    with subprocess.Popen(
        words, env=environment, cwd=home, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stderr.readline().split()[0] if process.stderr else ""
        for path in ("/", "/api/v1/zones?symbol=SIM&venue=sandbox"):
            with urllib.request.urlopen(address + path, timeout=60) as reply:  # noqa: S310 - our own
                print(f"    {path}: {reply.status}, {len(reply.read()):,} bytes")
        process.terminate()


def _run(words: list[str | Path], environment: dict[str, str], folder: Path | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def _listener() -> Iterator[int]:
    """Take what alerts are sent, and give the port at which."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"✓ {what}: {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
