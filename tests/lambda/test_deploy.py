"""`tools/deploy`: what it says to SAM and in which order, as SAM reads it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from samcli.cli.types import CfnParameterOverridesType

import template
from paths import REPOSITORY

RECORDER = """#!{python}
import json, pathlib, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
"""


class Installation:
    """A copy of what deploys, in which SAM and cargo only note how they are called."""

    def __init__(self, folder) -> None:
        self.folder, self._calls = folder / "almanac", folder / "calls"
        (self.folder / "tools").mkdir(parents=True)
        for file in ["tools/deploy", "tools/parameter-defaults", "template.yaml"]:
            shutil.copy(REPOSITORY / file, self.folder / file)
        shutil.copy(REPOSITORY / "parameters.example.yaml", self.folder / "parameters.yaml")
        programs = folder / "bin"
        programs.mkdir()
        for name in ["sam", "cargo"]:
            (programs / name).write_text(RECORDER.format(python=sys.executable, calls=str(self._calls)))
        (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (self.folder / "tools/lambda-tools").write_text(f"#!/bin/sh\necho {folder}\n")
        for program in [*programs.iterdir(), self.folder / "tools/lambda-tools"]:
            program.chmod(0o755)
        git = ["git", "-C", self.folder, "-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "one"], check=True)

    def deploy(self, *arguments: str, **env: str) -> tuple[int, list[list[str]]]:
        """The exit code, and the calls that were made."""
        self._calls.unlink(missing_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | env
        done = subprocess.run([self.folder / "tools/deploy", *arguments], env=env, capture_output=True)
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        return done.returncode, [json.loads(call) for call in calls]

    def parameters(self, call: list[str]) -> dict[str, str]:
        """What SAM makes of a call's parameters."""
        given = call[call.index("--parameter-overrides") + 1 :]
        end = next((at for at, word in enumerate(given) if word.startswith("--")), len(given))
        here = [word.replace("file://", f"file://{self.folder}/") for word in given[:end]]
        return CfnParameterOverridesType().convert(here, None, None)


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


OWNER = {"DATABASE_ADMIN_URL": "postgres://owner@db/almanac"}


def test_it_builds_then_migrates_then_deploys(installation):
    code, calls = installation.deploy(**OWNER)
    assert code == 0
    assert [call[:2] for call in calls] == [["sam", "build"], ["cargo", "almanac"], ["sam", "deploy"]]
    assert calls[1][2:] == ["migrate"]


def test_every_parameter_is_told_so_that_none_stays_as_it_was(installation):
    """What `sam deploy` is not told, it leaves as the stack has it."""
    [build, _, deploy] = installation.deploy(**OWNER)[1]
    told = installation.parameters(deploy)
    assert set(told) == set(template.source()["Parameters"])
    assert told["RollbackOnAlarm"] == "on" and told["SecretVersionId"] == ""
    assert told["PublicUrl"] == "https://api.example.com" and told["DefaultModel"] == "openai/gpt-5-mini"
    assert installation.parameters(build) == told, "as it is built, so it is deployed"
    template.transform(**told)


def test_what_is_given_by_hand_counts_this_once(installation):
    [build, _, deploy] = installation.deploy("Architecture=x86_64", "RollbackOnAlarm=off", "--no-confirm-changeset", **OWNER)[1]
    told = installation.parameters(deploy)
    assert (told["Architecture"], told["RollbackOnAlarm"]) == ("x86_64", "off")
    assert installation.parameters(build)["Architecture"] == "x86_64"
    assert deploy[-1] == "--no-confirm-changeset" and "--no-confirm-changeset" not in build
    later = installation.parameters(installation.deploy(**OWNER)[1][2])
    assert (later["Architecture"], later["RollbackOnAlarm"]) == ("arm64", "on")


def test_going_back_leaves_the_database_alone(installation):
    code, calls = installation.deploy("--unmigrated", "RollbackOnAlarm=off")
    assert (code, [call[0] for call in calls]) == (0, ["sam", "sam"])
    assert installation.parameters(calls[1])["RollbackOnAlarm"] == "off"


def test_what_is_missing_is_told_before_anything_is_done(installation):
    assert installation.deploy() == (1, [])
    (installation.folder / "parameters.yaml").unlink()
    assert installation.deploy(**OWNER) == (1, [])
