"""Read a line of text off a picture with rapidocr, with models from given places."""

import json
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR


def main() -> None:
    """Tell what is written."""
    request = json.loads(sys.argv[1])
    picture = Image.new("RGB", (640, 120), "white")
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text((20, 30), request["text"], fill="black", font=font)
    places = {f"{part}.model_path": path for part, path in request["models"].items()}
    reader = RapidOCR(params={**places, "Global.log_level": "critical"})
    found = reader(np.asarray(picture))
    sys.stdout.write(json.dumps(list(found.txts or ())) + "\n")


if __name__ == "__main__":
    main()
