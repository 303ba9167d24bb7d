// The demo's real input: 10,000 reports of bird strikes to the FAA, as the npm package vega-datasets carries them.
// What the file must be is checked when it is read: another version of it would make the demo's comparison meaningless.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const EXPECTED = { reports: 10_000, airports: 50, columns: 14, withCost: 209, repeats: 24 };

/** One report, as it travels in a record's value. */
export interface Report {
  readonly airport: string;
  readonly aircraft: string;
  readonly flightDate: string;
  readonly species: string;
  readonly costDollars: number;
}

/** The package's entry is some levels inside it; the data lies beside. */
function fileOfPackage(): string {
  const entry = createRequire(import.meta.url).resolve("vega-datasets");
  const root = entry.slice(0, entry.lastIndexOf("vega-datasets") + "vega-datasets".length);
  return join(dirname(join(root, "package.json")), "data", "birdstrikes.csv");
}

/** All reports in the order of their flights, so that every airport is busy all the time. */
export function readReports(): readonly Report[] {
  const text = readFileSync(fileOfPackage(), "utf8");
  if (text.includes('"')) throw new Error("birdstrikes.csv has quoted fields now; this demo splits at commas");
  const [head = "", ...lines] = text.split(/\r?\n/).filter((line) => line !== "");
  const columns = head.split(",");
  const at = (name: string) => {
    const index = columns.indexOf(name);
    if (index < 0) throw new Error(`birdstrikes.csv has no column ${JSON.stringify(name)}`);
    return index;
  };
  const [airport, aircraft, date, species, cost] = [
    at("Airport Name"),
    at("Aircraft Make Model"),
    at("Flight Date"),
    at("Wildlife Species"),
    at("Cost Total $"),
  ];
  const reports = lines.map((line) => {
    const fields = line.split(",");
    if (fields.length !== columns.length) throw new Error(`birdstrikes.csv: ${fields.length} fields in ${line}`);
    return {
      airport: fields[airport] ?? "",
      aircraft: fields[aircraft] ?? "",
      flightDate: fields[date] ?? "",
      species: fields[species] ?? "",
      costDollars: Number(fields[cost]),
    };
  });
  const found = {
    reports: reports.length,
    airports: new Set(reports.map((report) => report.airport)).size,
    columns: columns.length,
    withCost: reports.filter((report) => report.costDollars > 0).length,
    repeats: lines.length - new Set(lines).size,
  };
  if (JSON.stringify(found) !== JSON.stringify(EXPECTED))
    throw new Error(`birdstrikes.csv is another file: ${JSON.stringify(found)} instead of ${JSON.stringify(EXPECTED)}`);
  return reports.sort((a, b) => (a.flightDate < b.flightDate ? -1 : a.flightDate > b.flightDate ? 1 : 0));
}

/** Strikes per airport and cost per year. */
export class Aggregate {
  readonly strikesByAirport = new Map<string, number>();
  readonly costByYear = new Map<string, number>();

  add({ airport, flightDate, costDollars }: Pick<Report, "airport" | "flightDate" | "costDollars">): void {
    const year = flightDate.slice(0, 4);
    this.strikesByAirport.set(airport, (this.strikesByAirport.get(airport) ?? 0) + 1);
    this.costByYear.set(year, (this.costByYear.get(year) ?? 0) + costDollars);
  }

  /** What differs from `expected`, in words; empty when nothing does. */
  differences(expected: Aggregate): string[] {
    return [
      ...compare("strikes at", this.strikesByAirport, expected.strikesByAirport),
      ...compare("cost in", this.costByYear, expected.costByYear),
    ];
  }
}

function compare(what: string, got: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): string[] {
  return [...new Set([...got.keys(), ...expected.keys()])]
    .filter((name) => got.get(name) !== expected.get(name))
    .map((name) => `${what} ${name}: ${got.get(name) ?? 0} instead of ${expected.get(name) ?? 0}`);
}
