#!/usr/bin/env python3
"""Recordings of each kind, NAME, and NAME.sent, the WAV that vLLM 0.13.0 makes of what `datasets` 4 decodes: the mean of the channels in
single precision, written by soundfile. `pip install soundfile numpy` (0.14.0 with libsndfile 1.2.2 wrote those kept here).
"""
import io
import os

import numpy as np
import soundfile

here = os.path.dirname(os.path.abspath(__file__))
t = np.arange(1500) / 8000
left = 0.6 * np.sin(2 * np.pi * 220 * t) + 0.3 * np.sin(2 * np.pi * 1700 * t)
right = 0.9 * np.cos(2 * np.pi * 330 * t)
SOUNDS = {
    'mono.wav': (left, {}),
    'stereo.wav': (np.stack([left, right], 1), {}),
    'float.wav': (np.stack([left, right], 1), {'subtype': 'FLOAT'}),
    'mono.flac': (right, {}),
    'stereo.flac': (np.stack([left, right], 1), {'subtype': 'PCM_24'}),
}
for name, (samples, options) in SOUNDS.items():
    soundfile.write(os.path.join(here, name), samples, 8000, **options)
    y, rate = soundfile.read(os.path.join(here, name), dtype='float32', always_2d=True)
    out = io.BytesIO()
    soundfile.write(out, np.mean(y.T, axis=0), rate, format='WAV')
    with open(os.path.join(here, name + '.sent'), 'wb') as f:
        f.write(out.getvalue())
