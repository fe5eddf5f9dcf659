"""Two minutes of the soak: killed every twenty seconds, the state is what it would have been."""

from __future__ import annotations

import pytest
from tests.soak.soak import soak

pytestmark = pytest.mark.slow


def test_a_follower_killed_again_and_again_comes_to_the_state_of_one_that_lived(tmp_path):
    found = soak(tmp_path, last_s=100.0, kill_every_s=20.0)
    assert found.kills >= 3
    # What a process holds is what its lake gives to whoever goes on from it.
    assert found.killed_state == found.killed_anew
    assert found.lived_state == found.lived_anew
    # And no kill lost anything that the venue tells again.
    assert found.killed_mended == found.lived_mended
    # Whatever fired reached its receiver, once.
    assert found.alerts > 0
    assert (found.lost, found.doubled) == (0, 0)
    # Flat once it runs: the last third takes no more than the one before.
    third = len(found.rss_mib) // 3
    assert max(found.rss_mib[2 * third :]) < 1.25 * max(found.rss_mib[third : 2 * third]) + 50
