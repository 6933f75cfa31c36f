"""What a background process does without: capabilities, and a place in the queue."""

import ctypes
import os

_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4  # linux/prctl.h
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h: two words of 32 bits for each set

_LOWEST = 19


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def give_up_capabilities() -> None:
    """Keep no capability, nor any for children; root's process stays as it is.

    What the mount may do to the kernel, a download must not. Call it before there are threads,
    each of which has its own. Raises OSError.
    """
    if os.geteuid() == 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    nothing = (_Sets * 2)()
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if libc.capset(ctypes.byref(header), nothing) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def be_idle() -> None:
    """Work only when nobody else does: of a process that is idle, the kernel takes reads so too.

    (``task_nice_ioclass`` of linux/ioprio.h.)
    """
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
