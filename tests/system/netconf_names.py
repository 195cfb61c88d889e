# SPDX-License-Identifier: BSD-2-Clause
"""Who is who by the names in certificates; --other: with an agent that is not the right one."""
from netconf import *


def users__by_their_names__have_their_rights():
    with Session() as alice, Session("bob") as bob:
        want_ok(alice.edit(zone("named.example", "primary")))
        assert "named.example" in names(bob.get_config())
        want_error(bob.edit(zone("b.example")), "access-denied")
    try:
        Session("mallory").get_config()
        raise AssertionError("a name that is nobody's")
    except (Gone, OSError):
        pass


def agent__by_another_name__is_not_spoken_to():
    with Session() as alice:
        assert alice.edit(zone("x.example")).find("nc:ok", NS) is not None


run(agent__by_another_name__is_not_spoken_to if sys.argv[1:] else users__by_their_names__have_their_rights)
