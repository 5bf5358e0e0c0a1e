#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""generate.py header FILE   writes the C header of options.ini; the build does this
generate.py pages         writes the option lists into deploy/man/*.1
generate.py check         says which page is not as `pages` would write it"""

import re
import sys
from pathlib import Path

from table import GROUPS, PROGRAMS, ROLES, Mistake, read_table

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = re.compile(r'(?<=^\.\\" BEGIN )(?P<group>\w+) options(?P<rest>.*\n)(?P<items>(?:.*\n)*?)(?=\.\\" END)', re.M)

# ---- the C header ----


def quoted(text):
    """A C string; NULL for None."""
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def key(name):
    return "KEY_" + name.upper().replace("-", "_")


def all_keys(options):
    """An enum: the letter of a name that has one, else a number that is no letter. Aliases have keys of their own."""
    names = [name for option in options for name in option.names]
    for number, (letter, name) in enumerate(names, 0x100):
        yield f"    {key(name)} = " + (f"'{letter}'," if letter else f"{number:#x},")


def all_defaults(options):
    for option in options:
        if option.constant():
            name, number = option.constant()
            yield f"#define {name} INT64_C({number})" if name.endswith("_US") else f"#define {name} {number}u{'ll' * (number >= 1 << 32)}"


def rows_of(options, program, headed=()):
    """Initializers of struct argp_option, with a heading for each group that is not `headed` already."""
    for number, group in enumerate(GROUPS, 1):
        members = [option for option in options if option.group == group]
        if members and group not in headed:
            yield f'{{NULL, 0, NULL, 0, "{group}:", {number}}}'
        for option in members:
            flags, text = ("OPTION_HIDDEN", None) if option.hidden else ("0", option.text("help", program))
            if option.may_lack_value:
                flags += " | OPTION_ARG_OPTIONAL"
            yield f"{{{quoted(option.name)}, {key(option.name)}, {quoted(option.value)}, {flags}, {quoted(text)}, {number}}}"
            for _, name in option.names_in(program)[1:]:
                yield f'{{"{name}", {key(name)}, NULL, OPTION_ALIAS, NULL, {number}}}'


def macro(name, rows):
    return f"#define {name} \\\n" + ", \\\n".join(f"    {row}" for row in rows)


def launcher_rows(options):
    """{key, that of which it is an alias, the name by which the roles know it, these roles}."""
    for option in options:
        owners = " | ".join(f"FOR_{role.upper()}" for role in option.passed_to()) or "0"
        for _, name in option.names:
            yield f"{{{key(name)}, {key(option.name)}, {quoted(option.name)}, {owners}}}"


def header(options):
    common = [option for option in options if option.roles == ROLES]
    shared = {option.group for option in common}
    parts = [
        "/* SPDX-License-Identifier: MIT */",
        "/* Made of common/options/options.ini by generate.py: see README.md beside them. */",
        "#ifndef FANFOLD_COMMON_OPTIONS_TABLE_H\n#define FANFOLD_COMMON_OPTIONS_TABLE_H",
        "enum option_key {\n" + "\n".join(all_keys(options)) + "\n};",
        "\n".join(all_defaults(options)),
        "/* Rows of struct argp_option. Those of a role begin with the ones that all roles share, and have their end. */",
        macro("COMMON_OPTIONS", rows_of(common, "common")),
    ]
    for role in ROLES:
        own = [option for option in options if role in option.roles and option not in common]
        parts.append(macro(f"{role.upper()}_OPTIONS", ["COMMON_OPTIONS", *rows_of(own, role, shared), "{0}"]))
    own = [option for option in options if option.is_of("launcher")]
    parts += [
        macro("LAUNCHER_OPTIONS", [*rows_of(own, "launcher"), "{0}"]),
        "/* Key, the key of what it is an alias of, name, and the roles that the launcher passes it on to. */",
        macro("LAUNCHER_ROWS", launcher_rows(own)),
        "#endif\n",
    ]
    return "\n\n".join(parts)


# ---- the manual pages ----


def tag(letter, name, option):
    """"Fl j Ar SLOTS , Fl -jobs Ns = Ns Ar SLOTS"; "Fl -x Ns Oo Ns = Ns Ar N Oc" where the value may be missing."""
    value = option.value
    words = [word if word.islower() and "." not in word else f"Ar {word}" for word in (value or "").split("|")]
    argument = " Ns | Ns ".join(word if word.startswith("Ar") else f"Cm {word}" for word in words) if value else ""
    short = [f"Fl {letter}" + (f" {argument}" if argument else "")] if letter else []
    if option.may_lack_value:
        return f"Fl -{name} Ns Oo Ns = Ns {argument} Oc"
    return " , ".join([*short, f"Fl -{name}" + (f" Ns = Ns {argument}" if argument else "")])


def items(options, program):
    """The items of a list. An option without a text in the manual stands with the one before it."""
    found = []
    for option in options:
        tags = [tag(letter, name, option) for letter, name in option.names_in(program)]
        text = option.text("manual", program)
        if text is None and not found:
            raise Mistake(f"[{option.name}]: manual is missing: there is no option before it to stand with")
        if text is None:
            found[-1][0].extend(tags)
        else:
            found.append((tags, text))
    return "".join(f".It {' , '.join(tags)}\n{text}\n" for tags, text in found)


def page(options, program, text):
    """The page with each list between BEGIN and END as the table has it."""

    def fill(match):
        wanted = GROUPS if match["group"] == "All" else (match["group"],)
        if not set(wanted) <= set(GROUPS):
            raise Mistake(f"{PROGRAMS[program]}.1: there is no group {match['group']}")
        shown = [option for option in options if option.is_of(program) and option.group in wanted and not option.hidden]
        return f"{match['group']} options{match['rest']}{items(shown, program)}"

    return LIST.sub(fill, text)


def stale_pages(options, folder):
    """(path, text that it should have) of each page that differs."""
    for program, name in PROGRAMS.items():
        path = folder / f"{name}.1"
        text = path.read_text(encoding="utf-8")
        if page(options, program, text) != text:
            yield path, page(options, program, text)


def main(what, *where):
    options = read_table()
    if what == "header":
        Path(*where).write_text(header(options), encoding="utf-8")
        return 0
    stale = list(stale_pages(options, ROOT / "deploy" / "man"))
    for path, text in stale:
        if what == "pages":
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'written' if what == 'pages' else 'run common/options/generate.py pages'}")
    return 1 if stale and what == "check" else 0


if __name__ == "__main__":
    if sys.argv[1:2] not in (["header"], ["pages"], ["check"]) or len(sys.argv) != (3 if sys.argv[1] == "header" else 2):
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"common/options/options.ini: {mistake}")
