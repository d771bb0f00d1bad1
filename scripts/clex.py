"""Just enough of C's lexical rules for the checks in this folder."""

import os
import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*roots, suffixes=('.c', '.h', '.cpp')):
    """Paths of the source files under the folders, sorted."""
    found = []
    for root in roots:
        for folder, _, names in os.walk(root):
            found += [os.path.join(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def blank(text):
    """The text with comments and the contents of literals blanked, every line where it was."""
    def spaces(match):
        token = match.group()
        body = re.sub(r'[^\n]', ' ', token)
        return body if token[0] == '/' else token[0] + body[1:-1] + token[-1]
    return TOKEN.sub(spaces, text)


def comments(text):
    """(line, text) of every comment."""
    for match in TOKEN.finditer(text):
        if match.group().startswith('/'):
            yield text.count('\n', 0, match.start()) + 1, match.group()
