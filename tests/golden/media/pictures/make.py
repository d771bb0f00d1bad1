#!/usr/bin/env python3
"""Pictures of each kind, NAME.jpg or NAME.png, and what vLLM 0.13.0 sends for them, NAME.jpg.sent and so on.

Run by the Python of vLLM 0.13.0, with its modules on PYTHONPATH (Pillow 13.0.0).
"""
import base64
import io
import os
import sys

import numpy as np
from PIL import Image, ImageOps
from vllm.benchmarks.datasets import process_image

here = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def smooth(seed, bands, width=37, height=29):
    """Something that is not only noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 90 * np.sin(x / rng.uniform(3, 9) + rng.uniform(0, 6)) * np.cos(y / rng.uniform(3, 9)) for _ in range(bands)]
    return np.clip(np.dstack(planes) + rng.normal(0, 9, (height, width, bands)), 0, 255).astype(np.uint8)


rgb = Image.fromarray(smooth(1, 3))
grey = Image.fromarray(smooth(2, 1)[:, :, 0])
palette = rgb.quantize(16)
PICTURES = {
    'usual.jpg': (rgb, {}),
    'full.jpg': (rgb, {'subsampling': 0, 'quality': 95}),
    'half.jpg': (rgb, {'subsampling': 1}),
    'progressive.jpg': (rgb, {'progressive': True, 'comment': b'made by hand'}),
    'grey.jpg': (grey, {}),
    'exif.jpg': (rgb, {'comment': b'turned', 'exif': b'Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x02x\0\0\0\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'}),
    'exif.png': (rgb, {'exif': b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0'}),
    'xmp.jpg': (grey, {'xmp': b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'}),
    'rgb.png': (rgb, {}),
    'rgba.png': (Image.fromarray(smooth(3, 4)), {}),
    'grey.png': (grey, {}),
    'grey-alpha.png': (Image.fromarray(smooth(4, 2)), {}),
    'palette.png': (palette, {}),
    'palette-clear.png': (palette, {'transparency': 3}),
    'rgb-clear.png': (rgb, {'transparency': (1, 2, 3)}),
    'bits.png': (grey.convert('1'), {}),
    'two-bits.png': (grey.quantize(4), {'bits': 2}),
}
for name, (image, options) in PICTURES.items():
    data = io.BytesIO()
    image.save(data, format='PNG' if name.endswith('.png') else 'JPEG', **options)
    with open(os.path.join(here, name), 'wb') as f:
        f.write(data.getvalue())
    url = process_image({'bytes': data.getvalue()})['image_url']['url']
    with open(os.path.join(here, name + '.sent'), 'wb') as f:
        f.write(base64.b64decode(url.split(',', 1)[1]))


def turned(data):
    """What is sent of a picture that `datasets` has decoded."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return base64.b64decode(process_image(image)['image_url']['url'].split(',', 1)[1])


with open(os.path.join(here, 'exif.jpg'), 'rb') as f:
    exif = f.read()
for name in ('exif.png', 'xmp.jpg'):
    with open(os.path.join(here, name), 'rb') as f, open(os.path.join(here, name + '.turned'), 'wb') as out:
        out.write(turned(f.read()))
for way in range(1, 9):
    with open(os.path.join(here, f'exif.turned{way}'), 'wb') as f:
        f.write(turned(exif.replace(b'\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06', bytes([1, 18, 0, 3, 0, 0, 0, 1, 0, way]))))
