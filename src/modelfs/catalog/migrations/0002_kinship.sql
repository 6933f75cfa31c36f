-- Version 2: which models are the same but for their form, and categories that are hidden.

-- What a model has in common with its other quantisations and formats: 'language/llm smollm2-135m-instruct'.
-- NULL: no name of its own, or not looked at since version 1 (modelfs refresh).
ALTER TABLE model ADD COLUMN family TEXT;
CREATE INDEX model_family ON model (family) WHERE family IS NOT NULL;

-- Where the tensors of a safetensors or GGUF file begin, and the XXH3-128 in hex of all bytes from there:
-- copies whose header a tool rewrote have it in common. NULL: no such file, or not computed yet (verify --data).
ALTER TABLE blob ADD COLUMN data_start INTEGER;
ALTER TABLE blob ADD COLUMN data_hash TEXT;
CREATE INDEX blob_data ON blob (data_hash) WHERE data_hash IS NOT NULL;

-- Whether the folder of a category is left out of listings. A row for a shipped category overrides its
-- title (unless that is empty) and its visibility.
ALTER TABLE category ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
