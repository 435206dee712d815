"""Reads a Dockerfile: its last stage, and how the stages before it are made."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One `FROM` and what follows it."""

    base: str
    name: str | None
    copies: list[tuple[str | None, list[str], str]] = field(default_factory=list)
    """From which stage (none: the build's context), what, and to where."""
    runs: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    ports: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def stages(path: Path) -> list[Stage]:
    """All stages of a file. What this does not know it refuses, so that nothing is overlooked."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for instruction in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not instruction.strip():
            continue
        word, rest = instruction.strip().split(None, 1)
        if word == "FROM":
            base, *alias = rest.split()
            found.append(Stage(base, alias[1] if alias else None))
        else:
            _apply(found[-1], word, rest)
    return found


def _apply(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "COPY":
            parts = rest.split()
            flags = dict(part[2:].split("=", 1) for part in parts if part.startswith("--"))
            *sources, target = [part for part in parts if not part.startswith("--")]
            stage.copies.append((flags.get("from"), sources, target))
        case "RUN":
            stage.runs.append(re.sub(r"--mount=\S+\s*", "", rest).strip())
        case "ENV" | "LABEL":
            pairs = dict(pair.split("=", 1) for pair in shlex.split(rest))
            (stage.env if word == "ENV" else stage.labels).update(pairs)
        case "USER":
            stage.user = rest
        case "EXPOSE":
            stage.ports += rest.split()
        case "STOPSIGNAL":
            stage.stop_signal = rest
        case "HEALTHCHECK":
            stage.health = json.loads(rest.split(" CMD ", 1)[1])
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "WORKDIR":
            pass
        case _:
            raise ValueError(f"{word}: say here what it does")
