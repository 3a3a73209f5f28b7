//! The report: a table for people.

use std::fmt::Write;

use crate::row::Row;

const HEAD: [&str; 13] = [
    "scenario",
    "ours",
    "reference",
    "unit",
    "ratio",
    "must reach",
    "",
    "lost/repeated/reordered",
    "lag p99",
    "generator",
    "server CPU",
    "µs/delivery",
    "RSS",
];

/// What others may use of a core before it is worth a word.
const OTHERS: f64 = 0.05;

/// Lines up all rows; what is to be said of one stands below it.
pub fn table(rows: &[Row]) -> String {
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let all = cells.iter().map(|cells| cells[column].chars().count());
        all.chain([HEAD[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..HEAD.len()).map(width).collect();
    let mut out = line(&HEAD.map(str::to_owned), &widths);
    for (cells, row) in cells.iter().zip(rows) {
        out += &line(cells, &widths);
        for note in notes(row) {
            out += &format!("    {note}\n");
        }
    }
    out
}

fn cells(row: &Row) -> [String; 13] {
    let faults = row.faults;
    let foreign = match faults.foreign {
        0 => String::new(),
        foreign => format!(" +{foreign} foreign"),
    };
    [
        row.scenario.clone(),
        figure(row.ours),
        row.reference.map_or("–".to_owned(), figure),
        row.unit.to_owned(),
        row.ratio
            .map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
        row.wanted.clone(),
        if row.reached { "✓" } else { "✗" }.to_owned(),
        format!(
            "{}/{}/{}{foreign}",
            faults.lost, faults.repeated, faults.reordered
        ),
        row.lag_ms
            .map_or("–".to_owned(), |lag| format!("{lag:.1} ms")),
        row.busy
            .map_or("–".to_owned(), |busy| format!("{:.0} %", busy * 100.0)),
        format!("{:.2} s", row.server_cpu_s),
        row.cpu_us
            .map(|us| us.map_or("–".to_owned(), |us| format!("{us:.1}")))
            .join(" / "),
        format!("{:.1} MiB", row.server_rss_mib),
    ]
}

fn notes(row: &Row) -> Vec<String> {
    let mut notes = row.notes.clone();
    if !row.spoiled.is_empty() {
        let whose = row.spoiled.join(" and ");
        notes.insert(
            0,
            format!("spoiled: the generator was too slow for {whose}"),
        );
    }
    if row.others > OTHERS {
        let share = row.others * 100.0;
        notes.push(format!(
            "disturbed: other programs used up to {share:.0} % of a core that was measured on"
        ));
    }
    notes
}

/// Three digits that count, with thousands apart.
fn figure(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn line(cells: &[String; 13], widths: &[usize]) -> String {
    let mut out = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let written = write!(out, "{cell:width$}  ");
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(figure(0.123_45), "0.12");
        assert_eq!(figure(999.6), "1,000");
        assert_eq!(figure(1_234_567.2), "1,234,567");
        assert_eq!(figure(123.0), "123");
    }

    #[test]
    fn columns_line_up_and_a_spoiled_run_says_so() {
        let row = |scenario: &str, spoiled: &[&'static str]| Row {
            scenario: scenario.to_owned(),
            unit: "ms",
            wanted: "≤ 1 s".to_owned(),
            reached: spoiled.is_empty(),
            spoiled: spoiled.to_vec(),
            ..Row::default()
        };
        let table = table(&[row("a", &[]), row("much-longer", &["ours"])]);
        let lines: Vec<_> = table.lines().collect();
        let column = |line: &str, what: &str| {
            let at = line.find(what).unwrap();
            line[..at].chars().count()
        };
        assert_eq!(column(lines[1], "≤"), column(lines[2], "≤"));
        assert_eq!(column(lines[0], "must"), column(lines[1], "≤"));
        assert!(lines[1].contains('✓') && lines[2].contains('✗'));
        assert!(lines[3].contains("spoiled") && lines[3].contains("ours"));
    }
}
