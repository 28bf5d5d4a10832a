//! A trace from a CSV file: `timestamp,requests,errors,latency_p95_ms,label`.

use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use jiff::Timestamp;

/// The columns, in any order; others are ignored.
const COLUMNS: [&str; 5] = ["timestamp", "requests", "errors", "latency_p95_ms", "label"];
const TIMESTAMP: &str = "seconds since the Unix epoch, or RFC 3339 such as 2026-11-23T09:00:00Z";
const LATENCY: &str = "milliseconds, at least 0; empty when there are no requests";

/// One row: what happened from its time to the next row's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Milliseconds since the first row.
    pub at: u64,
    /// Requests.
    pub requests: u64,
    /// Of these, such as failed.
    pub errors: u64,
    /// Their 95th percentile.
    pub p95_millis: f64,
    /// Somebody says that this was a fault.
    pub fault: bool,
}

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file itself.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Not CSV.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("line 1: no column `{0}`; needed are timestamp, requests, errors, latency_p95_ms, label")]
    Column(&'static str),
    /// A cell says what it may not.
    #[error("line {line}, column `{column}`: {value:?} is not allowed; allowed: {allowed}")]
    Cell {
        /// Line of the file, from 1.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What may.
        allowed: &'static str,
    },
    /// Too little.
    #[error("a trace needs at least two rows, for a row lasts until the next one")]
    Short,
}

/// Reads a file.
pub fn open(path: &Path) -> Result<Vec<Row>, TraceError> {
    let file = std::fs::File::open(path).map_err(|error| TraceError::File { path: path.into(), error })?;
    read(file)
}

/// Reads a trace.
pub fn read(source: impl Read) -> Result<Vec<Row>, TraceError> {
    let mut reader = ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
    let columns = columns(reader.headers()?)?;
    let (mut rows, mut first) = (Vec::<Row>::new(), None);
    for record in reader.records() {
        let record = record?;
        let cells = Cells { record: &record, columns };
        let time = cells.timestamp()?;
        let first = *first.get_or_insert(time);
        let at = u64::try_from(time - first).ok().filter(|at| rows.last().is_none_or(|last| last.at < *at));
        let at = at.ok_or_else(|| cells.error(0, "a time after that of the row before"))?;
        rows.push(cells.row(at)?);
    }
    if rows.len() < 2 { Err(TraceError::Short) } else { Ok(rows) }
}

fn columns(header: &StringRecord) -> Result<[usize; 5], TraceError> {
    let mut places = [0; 5];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|title| title == name).ok_or(TraceError::Column(name))?;
    }
    Ok(places)
}

/// One record's cells by column.
struct Cells<'a> {
    record: &'a StringRecord,
    columns: [usize; 5],
}

impl Cells<'_> {
    fn row(&self, at: u64) -> Result<Row, TraceError> {
        let requests = self.count(1)?;
        let errors = self.count(2)?;
        if errors > requests {
            return Err(self.error(2, "no more errors than requests"));
        }
        let p95_millis = match (self.text(3), requests) {
            ("", 0) => 0.0,
            (text, _) => number(text).ok_or_else(|| self.error(3, LATENCY))?,
        };
        let fault = match self.text(4) {
            "0" | "false" => false,
            "1" | "true" => true,
            _ => return Err(self.error(4, "0 or false for no fault, 1 or true for a fault")),
        };
        Ok(Row { at, requests, errors, p95_millis, fault })
    }

    /// Milliseconds since the epoch.
    fn timestamp(&self) -> Result<i64, TraceError> {
        let text = self.text(0);
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a date")]
        let seconds = number(text).filter(|seconds| *seconds < 1e12).map(|seconds| (seconds * 1000.0) as i64);
        let date = || text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        seconds.or_else(date).ok_or_else(|| self.error(0, TIMESTAMP))
    }

    fn count(&self, column: usize) -> Result<u64, TraceError> {
        self.text(column).parse().map_err(|_| self.error(column, "a whole number, at least 0"))
    }

    fn text(&self, column: usize) -> &str {
        self.record.get(self.columns[column]).unwrap_or_default()
    }

    fn error(&self, column: usize, allowed: &'static str) -> TraceError {
        let line = self.record.position().map_or(0, csv::Position::line);
        TraceError::Cell { line, column: COLUMNS[column], value: self.text(column).to_owned(), allowed }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "timestamp,requests,errors,latency_p95_ms,label\n";

    fn error(rows: &str) -> String {
        read(format!("{HEAD}{rows}").as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_seconds_and_dates_and_columns_in_any_order() {
        let seconds = read(format!("{HEAD}0.5,10,1,20,0\n1.5,0,0,,1\n").as_bytes()).unwrap();
        assert_eq!(seconds[1], Row { at: 1000, requests: 0, errors: 0, p95_millis: 0.0, fault: true });
        let dates = "label,host,errors,requests,latency_p95_ms,timestamp\n\
                     false,a,1,10,20,2026-11-23T09:00:00Z\ntrue,a,0,0,,2026-11-23T09:00:01Z\n";
        assert_eq!(read(dates.as_bytes()).unwrap(), seconds);
    }

    #[test]
    fn says_where_and_what_is_allowed() {
        let table = [
            ("x,1,0,1,0\n", "line 2, column `timestamp`: \"x\" is not allowed; allowed: seconds since"),
            (
                "1,1,0,1,0\n1,1,0,1,0\n",
                "line 3, column `timestamp`: \"1\" is not allowed; allowed: a time after",
            ),
            ("1,-1,0,1,0\n", "line 2, column `requests`: \"-1\" is not allowed; allowed: a whole number"),
            ("1,1,2,1,0\n", "line 2, column `errors`: \"2\" is not allowed; allowed: no more errors"),
            ("1,1,0,,0\n", "line 2, column `latency_p95_ms`: \"\" is not allowed; allowed: milliseconds"),
            ("1,1,0,NaN,0\n", "line 2, column `latency_p95_ms`: \"NaN\""),
            ("1,1,0,1,yes\n", "line 2, column `label`: \"yes\" is not allowed; allowed: 0 or false"),
            ("1,1,0,1,0\n", "at least two rows"),
            ("1,1,0\n", "line: 2"),
        ];
        for (rows, expected) in table {
            let error = error(rows);
            assert!(error.contains(expected), "{rows:?}: {error}");
        }
        let error = read("timestamp,requests\n1,1\n".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("no column `errors`"), "{error}");
    }
}
