"""What background processes give up, as the kernel then says."""

import subprocess
import sys

BECOME = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
WITH_RIGHTS = [*BECOME, "--inh-caps=+sys_admin,+dac_read_search"]
WITH_RIGHTS += ["--ambient-caps=+sys_admin,+dac_read_search"]
GIVE_UP = """
from modelfs.service import rights
def sets():
    facts = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return [facts[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")]
before = sets()
rights.give_up_capabilities()
print(*before)
print(*sets())
"""
NONE = "0" * 16


def said(command: list[str]) -> list[list[str]]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_no_capability_is_left_to_it_nor_to_its_children() -> None:
    before, after = said([*WITH_RIGHTS, sys.executable, "-c", GIVE_UP])
    assert before == [f"{1 << 21 | 1 << 2:016x}"] * 4
    assert after == [NONE] * 4


def test_roots_process_stays_roots() -> None:
    before, after = said([sys.executable, "-c", GIVE_UP])
    assert before == after and before[2] != NONE


def test_idle_is_the_kernels_idle() -> None:
    script = (
        "import os; from modelfs.service import rights; rights.be_idle(); "
        "print(os.sched_getscheduler(0) == os.SCHED_IDLE, os.getpriority(os.PRIO_PROCESS, 0))"
    )
    assert said([sys.executable, "-c", script]) == [["True", "19"]]
