"""What a model is, as extended attributes of its files and folder."""

from modelfs.catalog.records import ModelRecord
from modelfs.views import FileNode, Node

PREFIX = b"user.modelfs."


def extended(node: Node) -> dict[bytes, bytes]:
    """Return the attributes of a node; none for what is no model's."""
    if not isinstance(node, FileNode):
        return _of_model(node.model) if node.model is not None else {}
    values = {**_of_model(node.model), PREFIX + b"blob": node.file.blob.encode()}
    if node.file.sha256:
        values[PREFIX + b"sha256"] = node.file.sha256.encode()
    return values


def _of_model(model: ModelRecord) -> dict[bytes, bytes]:
    texts = {
        "model": model.entry_name,
        "category": model.category,
        "tags": ",".join(model.tags),
        "source": model.source,
    }
    if verdict := model.facts.details.get("pickle_verdict"):
        texts["pickle_verdict"] = str(verdict)
    return {PREFIX + key.encode(): text.encode() for key, text in texts.items()}
