#!/usr/bin/env python3
"""Writes sets.txt from the Python package `holidays` (MIT, https://github.com/vacanza/holidays).

    pip install holidays && python3 src/domain/holidays/make.py > src/domain/holidays/sets.txt

Run it once a year or when a country changes its holidays. The house keeps the days of a set with each version of a calendar,
so new data never changes what was counted before.

A line is `=CC Country` for a country, `+CODE Name` for a part of it, or `parts|name|dates` for a holiday: parts are `*` (the
country and every part), or codes joined by commas with `-` for the country as a whole; dates are `0101` (each year) or
`26:0403,27:0326`.
"""

import sys
from collections import defaultdict

import holidays

YEARS = range(2024, 2039)
COUNTRIES = """AE AR AT AU BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP KE KR LI LT LU
LV MT MX MY NG NL NO NZ PE PH PL PT RO RS SA SE SG SI SK TH TR TW US VN ZA""".split()
NAMES = {
    "AE": "United Arab Emirates", "AR": "Argentina", "AT": "Austria", "AU": "Australia", "BE": "Belgium", "BG": "Bulgaria",
    "BR": "Brazil", "CA": "Canada", "CH": "Switzerland", "CL": "Chile", "CN": "China", "CO": "Colombia", "CY": "Cyprus",
    "CZ": "Czechia", "DE": "Germany", "DK": "Denmark", "EE": "Estonia", "EG": "Egypt", "ES": "Spain", "FI": "Finland",
    "FR": "France", "GB": "United Kingdom", "GR": "Greece", "HK": "Hong Kong", "HR": "Croatia", "HU": "Hungary",
    "ID": "Indonesia", "IE": "Ireland", "IL": "Israel", "IN": "India", "IS": "Iceland", "IT": "Italy", "JP": "Japan",
    "KE": "Kenya", "KR": "South Korea", "LI": "Liechtenstein", "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia",
    "MT": "Malta", "MX": "Mexico", "MY": "Malaysia", "NG": "Nigeria", "NL": "Netherlands", "NO": "Norway",
    "NZ": "New Zealand", "PE": "Peru", "PH": "Philippines", "PL": "Poland", "PT": "Portugal", "RO": "Romania",
    "RS": "Serbia", "SA": "Saudi Arabia", "SE": "Sweden", "SG": "Singapore", "SI": "Slovenia", "SK": "Slovakia",
    "TH": "Thailand", "TR": "Türkiye", "TW": "Taiwan", "US": "United States", "VN": "Vietnam",
    "ZA": "South Africa",
}
# Parts whose own days are a province's or a town's, too many to choose from.
NO_PARTS = {"IT", "ID", "CL", "SI", "TR", "AR", "PE", "PH"}


def days(country, part):
    kind = getattr(holidays, country)
    languages = kind.supported_languages or ()
    language = next((tag for tag in ("en_US", "en_GB", "en") if tag in languages), None)
    found = kind(years=YEARS, subdiv=part, language=language)
    # Sundays are holidays in Swedish and Norwegian law; a calendar's week says that already.
    return {(day, name) for day, text in found.items() for name in text.split("; ") if name not in ("Sunday", "Søndag", "Söndag")}


def code(part):
    return part.replace(" ", "-")


def dates_text(found):
    if {day.year for day in found} == set(YEARS) and len({day.strftime("%m%d") for day in found}) == 1:
        return min(found).strftime("%m%d")
    return ",".join(day.strftime("%y:%m%d") for day in sorted(found))


def main():
    out = sys.stdout
    out.write(f"#holidays {holidays.__version__} {YEARS[0]}-{YEARS[-1]}\n")
    for country in COUNTRIES:
        kind = getattr(holidays, country)
        parts = [] if country in NO_PARTS else list(kind.subdivisions)
        sets = {"-": days(country, None), **{part: days(country, part) for part in parts}}
        # A part that differs in nothing from the country needs no choice of its own.
        parts = [part for part in parts if sets[part] != sets["-"]]
        sets = {part: sets[part] for part in ["-", *parts]}
        out.write(f"={country} {NAMES[country]}\n")
        aliases = {code: name for name, code in kind.subdivisions_aliases.items()}
        for part in parts:
            out.write(f"+{code(part)} {aliases.get(part, part)}\n")
        where = defaultdict(set)
        for part, found in sets.items():
            for day in found:
                where[day].add(part)
        lines = defaultdict(set)
        for (day, name), in_parts in where.items():
            key = "*" if in_parts == set(sets) else ",".join(code(part) for part in sets if part in in_parts)
            lines[(key, name)].add(day)
        for (key, name), found in sorted(lines.items(), key=lambda line: (line[0][0] != "*", min(line[1]).strftime("%m%d"), line[0])):
            assert "|" not in name
            out.write(f"{key}|{name}|{dates_text(found)}\n")


main()
