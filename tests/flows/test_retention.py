"""Old alerts go to the archive by themselves; what people still see of them says so."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

from bot.config import Config
from bot.models import AlertStatus, Change
from tests.bot.make import alert
from tests.workspace import Workspace, wait_for


def test_the_bot_archives_what_is_old_and_answers_about_it(empty_world: Workspace, tmp_path: Path) -> None:
    world, folder = empty_world, tmp_path / "archive"
    bot = world.start_bot(Config.model_validate({"retention": {"alerts": "90d", "archive": str(folder)}}))
    then = world.clock() - timedelta(days=91)
    old = {"fired_at": then, "received_at": then, "changed_at": then, "over_at": then}
    bot.store.save(Change(alerts=(alert(1, status=AlertStatus.RESOLVED, **old), alert(2))), then)
    bot._jobs.nudge("retention")
    wait_for(lambda: 1 not in bot.store.alerts([1, 2]), "the old one to go")
    assert 2 in bot.store.alerts([1, 2])
    (file,) = folder.glob("*.gz")
    assert [json.loads(line)["id"] for line in gzip.decompress(file.read_bytes()).splitlines()] == ["AL-1"]
    world.ana.run("/incident rca AL-1")
    world.ana.told("There is no AL-1")
