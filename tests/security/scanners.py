"""sqlmap and wapiti as children: what they are asked, how long they may take, what they found."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULES = "xss,sql,redirect,exec,file,crlf,csrf,permanentxss"
"""Those that ask nobody elsewhere. Headers, cookies and the policy are looked at by tests of our own."""
NO_FAULT = {"Resource consumption", "HTTP Methods"}
"""What wapiti tells that is none: that a machine was slow, and which methods an address has."""
_INJECTABLE = re.compile(r"^Parameter: (.+?) \((.+?)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """An address to attack, by its parameters or by the fields of its form."""

    url: str
    data: str | None = None
    token_from: str | None = None
    """The page that has the form's token, where it wants one."""


@dataclass(frozen=True)
class Outcome:
    """``findings``: a line each; ``asked``: a word on how much was tried."""

    tool: str
    findings: tuple[str, ...]
    asked: str


def inject(tools: Path, target: Target, home: Path, cookie: str | None = None, seconds: int = 60) -> Outcome:
    """Attack one address with sqlmap."""
    command: list[str | Path] = [
        tools / "sqlmap", "-u", target.url, "--batch", "--disable-coloring", "--flush-session", "--level", "2",
        "--risk", "1", "--technique", "BEU", "--timeout", "10", "--retries", "0",
        "--output-dir", home, "--ignore-code", "*", "--param-exclude", "csrf_token",
        "--skip", "csrf_token,User-Agent,Referer,Cookie,Host",
    ]  # fmt: skip
    if cookie:
        command += ["--cookie", cookie]
    if target.data:
        command += ["--data", target.data]
    if target.token_from:
        command += ["--csrf-token", "csrf_token", "--csrf-url", target.token_from]
    else:
        command += ["--threads", "4"]
    said = _run(command, seconds)
    found = tuple(f"{target.url}: {name} ({place}) can be injected" for name, place in _INJECTABLE.findall(said))
    if "testing" not in said:
        raise RuntimeError(f"sqlmap tried nothing:\n{said[-3000:]}")
    return Outcome("sqlmap", found, "out of time" if said.endswith(_OUT_OF_TIME) else "looked at")


def crawl(
    tools: Path, url: str, home: Path, cookie: str | None = None, *, leave: tuple[str, ...] = (), seconds: int = 60
) -> Outcome:
    """Follow the links and forms of a site with wapiti and attack what is found."""
    report = home / "wapiti.json"
    command: list[str | Path] = [
        tools / "wapiti", "-u", f"{url}/", "-m", MODULES, "-f", "json", "-o", report,
        "--store-session", home / "session", "--store-config", home / "config",
        "--flush-session", "--no-bugreport", "--endpoint", f"{url}/nowhere", "--scope", "domain", "-d", "4",
        "--max-scan-time", str(seconds // 3), "--max-attack-time", str(max(5, seconds // 13)),
        "--max-links-per-page", "40",
        "--max-files-per-dir", "25", "-t", "10", "--tasks", "8", "-v", "1",
    ]  # fmt: skip
    for one in leave:
        command += ["-x", one]
    if cookie:
        command += ["-C", cookie]
    said = _run(command, seconds * 2)
    if not report.exists():
        raise RuntimeError(f"wapiti made no report:\n{said[-3000:]}")
    told = json.loads(report.read_text())
    return Outcome("wapiti", tuple(_findings(told)), f"{told['infos'].get('crawled_pages_nbr', 0)} pages crawled")


def _findings(told: dict[str, dict[str, list[dict[str, str]]]]) -> Iterator[str]:
    for kind in ("vulnerabilities", "anomalies"):
        for category, found in told[kind].items():
            if category not in NO_FAULT:
                yield from (f"{category}: {one['method']} {one['path']} ({one['parameter']})" for one in found)


_OUT_OF_TIME = "\n(out of time)"


def _run(command: list[str | Path], seconds: int) -> str:
    """What a tool said until it ended, or until its time was over."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
            text=True, check=False, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as ended:
        said = ended.stdout or b""
        return (said.decode(errors="replace") if isinstance(said, bytes) else said) + _OUT_OF_TIME
    return done.stdout
