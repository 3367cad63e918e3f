"""Stock WebRTC peers (aiortc) call each other through the relay, DTLS-SRTP end to end."""

import json
import subprocess
import sys

import pytest

from .running import ROOT, RunningRelay


def test_two_stock_peers_call_each_other():
    with RunningRelay() as relay:
        run = subprocess.run(
            [sys.executable, "-m", "test.relay.webrtc_call", relay.path],
            cwd=ROOT,
            timeout=120,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        result = json.loads(run.stdout)
        assert result["states"] == {"anna": "connected", "ben": "connected"}
        anna, ben = result["heard"]["anna"], result["heard"]["ben"]
        assert (anna["word"], ben["word"]) == ("hello from ben", "hello from anna")
        assert (anna["frames"], ben["frames"]) == (100, 100)
        assert anna["pitch"] == pytest.approx(700, rel=0.1)  # the other one's tone
        assert ben["pitch"] == pytest.approx(440, rel=0.1)
        stats = relay.commander.stats()
        assert stats["RTP"]["tx"] >= 200  # and it went through the relay
        assert stats["Dropped"]["unbound"] == stats["Dropped"]["notAuthentic"] == 0
