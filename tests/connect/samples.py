"""Settings files as tools and their owners write them, and what connecting changes in them."""

from dataclasses import dataclass
from pathlib import Path

from .conftest import Desk

MOUNT = "/home/ada/AI/models/by-tool"


@dataclass(frozen=True)
class Sample:
    """One tool with one settings file."""

    tool: str
    parts: tuple[str, ...]
    """What the tool's folder holds, below the home."""
    file: str
    """Its settings, below the home."""
    content: bytes
    removed: tuple[str, ...]
    """Lines that connecting takes out."""
    added: tuple[str, ...]
    """Lines that it puts in: some of them, for long ones."""
    edited: tuple[bytes, bytes]
    """What its owner changes afterwards, somewhere else in the file."""

    @property
    def id(self) -> str:
        return f"{self.tool}-{len(self.content)}"

    def install(self, desk: Desk) -> Path:
        """Put the tool and its settings on a machine; return the settings' path."""
        for part in self.parts:
            path = desk.home / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        file = desk.home / self.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.content)
        return file


COMFY = ("ComfyUI/main.py", "ComfyUI/folder_paths.py")
COMFY_FILE = "ComfyUI/extra_model_paths.yaml"
COMFY_TEXT = b"""\
#Rename this to extra_model_paths.yaml and ComfyUI will load it

### config for a1111 ui
a111:
    base_path: path/to/stable-diffusion-webui/   # mine

    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS

#comfyui:
#     base_path: path/to/comfyui/
other_ui: {base_path: "/data/ui", checkpoints: ckpt}
"""
WEB = "stable-diffusion-webui"
WEBUI = b"""#!/bin/bash
# Uncomment and change the variables below to your need:
export COMMANDLINE_ARGS="--medvram --xformers"
#export TORCH_COMMAND="pip install torch"
###########################################
"""

SAMPLES = [
    Sample(
        "comfyui", COMFY, COMFY_FILE, COMFY_TEXT, (),
        ("modelfs:", f'  base_path: "{MOUNT}/comfyui"', "  loras: loras"),
        (b"# mine", b"# still mine"),
    ),
    Sample(
        "comfyui", COMFY, COMFY_FILE,
        COMFY_TEXT.replace(b"\n", b"\r\n"), (), ("modelfs:\r",), (b"# mine", b"# still mine"),
    ),
    Sample(  # the last line is open, and a line end behind it would change what it means
        "comfyui", COMFY, COMFY_FILE, b"a:\n  base_path: /x\n  loras: |\n    one\n    two", (),
        ("modelfs:",), (b"/x", b"/y"),
    ),
    Sample(
        "a1111",
        (f"{WEB}/webui.sh", f"{WEB}/launch.py", f"{WEB}/modules/sd_vae.py"),
        f"{WEB}/webui-user.sh", WEBUI, (),
        (
            'export COMMANDLINE_ARGS="${COMMANDLINE_ARGS:-} '
            f"--models-dir '{MOUNT}/a1111/models' "
            f"--embeddings-dir '{MOUNT}/a1111/embeddings' --no-download-sd-model\"",
        ),
        (b"--medvram", b"--lowvram"),
    ),
    Sample(
        "text-generation-webui",
        ("text-generation-webui/server.py", "text-generation-webui/download-model.py"),
        "text-generation-webui/user_data/CMD_FLAGS.txt",
        b"# Only used by the one-click installer.\n# Example:\n# --listen --api\n--listen",
        (), (f'--model-dir "{MOUNT}/text-generation-webui/models"',), (b"--api", b"--apis"),
    ),
    Sample(
        "lmstudio", (".lmstudio/x",), ".config/LM Studio/settings.json",
        '{\n  "language": "dé",\n  "downloadsFolder": "/home/ada/.lmstudio/models",\n'
        '  "developer": {"showDebugInfoBlocksInChat": false, "a":[1,2 , 3]}\n}'.encode(),
        ('  "downloadsFolder": "/home/ada/.lmstudio/models",',),
        (f'  "downloadsFolder": "{MOUNT}/lmstudio",',), (b'"a":[1,2 , 3]', b'"a":[1]'),
    ),
    Sample(
        "sdnext", ("sdnext/webui.py", "sdnext/installer.py"), "sdnext/config.json",
        b'{\n    "sd_model_checkpoint": "x",\n    "samples_format": "jpg"\n}\n',
        ('    "samples_format": "jpg"',),
        ('    "samples_format": "jpg",', f'    "models_dir": "{MOUNT}/sdnext"'),
        (b'"x"', b'"y"'),
    ),
    Sample(
        "fooocus", ("Fooocus/launch.py", "Fooocus/fooocus_version.py"), "Fooocus/config.txt",
        b'{\n    "path_checkpoints": [\n        "/home/ada/Fooocus/models/checkpoints"\n    ],\n'
        b'    "path_loras": "/home/ada/l\\u00f6ras",\n    "default_cfg_scale": 4.0\n}',
        (
            '        "/home/ada/Fooocus/models/checkpoints"',
            '    "path_loras": "/home/ada/l\\u00f6ras",',
        ),
        (
            '        "/home/ada/Fooocus/models/checkpoints",',
            f'        "{MOUNT}/fooocus/checkpoints"',
            f'    "path_loras": ["/home/ada/l\\u00f6ras", "{MOUNT}/fooocus/loras"],',
        ),
        (b"4.0", b"7.0"),
    ),
    Sample(
        "gpt4all", (".local/share/nomic.ai/GPT4All/x",), ".config/nomic.ai/GPT4All.ini",
        b"[General]\nchatTheme=Dark\nmodelPath=/home/ada/.local/share/nomic.ai/GPT4All/\n"
        b"uniqueId=1\n\n[download]\nlastVersionStarted=3.10.0\n",
        ("modelPath=/home/ada/.local/share/nomic.ai/GPT4All/",),
        (f'modelPath="{MOUNT}/gpt4all"',), (b"uniqueId=1", b"uniqueId=2"),
    ),
    Sample(
        "kdenlive", (".local/share/kdenlive/x",), ".config/kdenliverc",
        b"version=1\n\n[$Version]\nupdate_info=x.upd:1\n\n[speech]\nvosk_text_model=de\n"
        b"vosk_folder_path[$e]=$HOME/vosk\n\n[unmanaged]\nUpdate Check=22\n",
        ("vosk_folder_path[$e]=$HOME/vosk",),
        (f"vosk_folder_path[$e]={MOUNT}/kdenlive/speechmodels",), (b"=de", b"=fr"),
    ),
    Sample(
        "kohya", ("kohya_ss/kohya_gui.py",), "kohya_ss/config.toml",
        b"# Copy this file and rename it to config.toml\n\n[settings]\nuse_shell = false\n\n"
        b"# Default folders location\n[model]\nmodels_dir = './models' # Pretrained\n"
        b'train_data_dir = "./data"\n\n["weird name".lora]\nx = [\n  "[model]",\n]\n',
        ("models_dir = './models' # Pretrained",),
        (f'models_dir = "{MOUNT}/kohya/models" # Pretrained', f'vae_dir = "{MOUNT}/kohya/vae"'),
        (b"use_shell = false", b"use_shell = true"),
    ),
    Sample(
        "swarmui", ("SwarmUI/src/SwarmUI.csproj",), "SwarmUI/Data/Settings.fds",
        b"#Settings related to file paths.\nPaths:\n\t#Root path for model files.\n"
        b"\tModelRoot: Models;/data/more\n\tSDModelFolder: Stable-Diffusion\n"
        b"#Network\nNetwork:\n\tPort: 7801\n",
        ("\tModelRoot: Models;/data/more",),
        (f"\tModelRoot: Models;/data/more;{MOUNT}/swarmui",), (b"7801", b"7802"),
    ),
    Sample(
        "swarmui", ("SwarmUI/src/SwarmUI.csproj",), "SwarmUI/Data/Settings.fds",
        b"Network:\n    Port: 7801", (),
        ("Paths:", f"\tModelRoot: Models;{MOUNT}/swarmui"), (b"7801", b"7802"),
    ),
]  # fmt: skip
