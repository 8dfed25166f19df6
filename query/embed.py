"""Writes a file as a C array: embed.py FILE NAME OUTPUT."""

import sys

path, name, output = sys.argv[1:]
with open(path, "rb") as source:
    data = source.read()
rows = [", ".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32)]
with open(output, "w", encoding="ascii") as out:
    out.write(f'#include "embedded.h"\n\nconst char {name}[] = {{\n\t' + ",\n\t".join(rows) + "};\n")
    out.write(f"const size_t {name}_len = sizeof({name});\n")
