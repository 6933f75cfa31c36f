"""What speech programs keep beside their weights: Piper, Vosk, Whisper."""

from collections.abc import Mapping

from modelfs.identify.beside.said import Said
from modelfs.identify.beside.values import Values, inner, number, read_json, text
from modelfs.types import FactValue, SourceFile

MAX_CONF_BYTES = 65_536


def read_piper(files: Mapping[str, SourceFile], main: str) -> Said:
    """Return what a Piper voice's ``X.onnx.json`` says."""
    values = read_json(files.get(f"{main}.json"))
    audio, language = inner(values, "audio"), inner(values, "language")
    if "phoneme_id_map" not in values and not number(audio, "sample_rate"):
        return Said()
    code = text(language, "code") or text(inner(values, "espeak"), "voice")
    found: dict[str, FactValue | None] = {
        "sample_rate_hz": number(audio, "sample_rate"),
        "voice_quality": text(audio, "quality"),
        "speakers": number(values, "num_speakers"),
        "languages": (code,) if code else (),
        "title": text(values, "dataset"),
    }
    return Said(
        class_name="PiperVoice",
        details={name: value for name, value in found.items() if value},
        reasons=(f"a Piper voice: {code or 'language not said'}",),
    )


def read_vosk(files: Mapping[str, SourceFile]) -> Said:
    """Return what a Vosk or Kaldi folder says in ``conf/mfcc.conf``."""
    conf = files.get("conf/mfcc.conf")
    if conf is None or conf.size_bytes > MAX_CONF_BYTES:
        return Said()
    with conf.open() as handle:
        lines = handle.read(MAX_CONF_BYTES).decode("utf-8", "replace").splitlines()
    options = dict(line.strip().lstrip("-").partition("=")[::2] for line in lines)
    rate = options.get("sample-frequency", "").strip()
    details: dict[str, FactValue] = {"sample_rate_hz": int(rate)} if _is_rate(rate) else {}
    return Said(details=details)


def _is_rate(rate: str) -> bool:
    return rate.isdecimal() and len(rate) < 7


def read_whisper(files: Mapping[str, SourceFile]) -> Said:
    """Return what Whisper's ``generation_config.json`` says of languages."""
    values: Values = read_json(files.get("generation_config.json"))
    if not isinstance(values.get("is_multilingual"), bool):
        return Said()
    details: dict[str, FactValue] = {}
    if values["is_multilingual"]:
        details["multilingual"] = True
    return Said(details=details)
