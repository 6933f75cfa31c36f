"""Programs and names that look at every file there is, and mean none of them."""

PROBED_NAMES = frozenset(
    {
        b".Trash",
        b".directory",
        b".hidden",
        b".xdg-volume-info",
        b".DS_Store",
        b".localized",
        b".metadata_never_index",
        b".nomedia",
        b".git",
        b".hg",
        b".svn",
        b".envrc",
        b"AUTORUN.INF",
        b"Desktop.ini",
        b"Thumbs.db",
        b"autorun.inf",
        b"desktop.ini",
    }
)
"""Names that file managers, shells and volume monitors ask for everywhere; no model has one."""

OURSELVES = "modelfs"
"""What the kernel calls the commands of modelfs."""

BYSTANDERS = frozenset(
    {
        OURSELVES,
        "baloo_file",
        "baloo_file_extr",
        "caja",
        "clamd",
        "clamscan",
        "dolphin",
        "evince-thumbnai",
        "ffmpegthumbnail",
        "file",
        "gnome-desktop-t",
        "gvfsd-metadata",
        "kioslave5",
        "kioworker",
        "localsearch-3",
        "localsearch-ext",
        "nautilus",
        "nemo",
        "pcmanfm",
        "plocate",
        "thunar",
        "totem-video-thu",
        "tracker-extract",
        "tracker-miner-f",
        "tumblerd",
        "updatedb",
        "updatedb.plocat",
    }
)
"""Programs whose opening a file is no use of it, as ``/proc/PID/comm`` names them (15 bytes)."""


def is_probe(name: bytes) -> bool:
    """Say whether a name is one that desktops ask for in every folder."""
    return name in PROBED_NAMES or name.startswith(b".Trash-")
