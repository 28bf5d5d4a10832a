//! The load: `h2load` (nghttp2), which speaks HTTP/1.1, HTTP/2 and TLS, in a closed loop or at a fixed rate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::case::{Case, HOST};
use crate::cores::Cores;

/// Connections of the load over HTTP/1.1; over HTTP/2 a tenth, with ten streams each.
const CONNECTIONS: u32 = 60;
const STREAMS: u32 = 10;
/// What a browser would say besides.
const FIELDS: [&str; 2] = ["accept: */*", "accept-encoding: gzip, br"];

/// Asks one proxy at this port.
pub(crate) struct Load<'a> {
    pub(crate) program: &'a Path,
    pub(crate) libraries: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) cores: Cores,
    pub(crate) case: Case,
    pub(crate) port: u16,
}

/// What a load met with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) requests: f64,
    pub(crate) rps: f64,
}

/// Microseconds from a request to the end of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latencies {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Load<'_> {
    /// As much as goes, for so long.
    pub(crate) fn closed(&self, duration: Duration) -> anyhow::Result<Served> {
        self.run(&[], duration)
    }

    /// So many requests a second, evenly; a late answer does not hold the next request up on another connection.
    pub(crate) fn at_rate(&self, rate: u32, duration: Duration) -> anyhow::Result<Latencies> {
        let log = self.folder.join("load.tsv");
        let each = f64::from(rate) / f64::from(self.connections());
        self.run(&[format!("--rps={each:.3}"), format!("--log-file={}", log.display())], duration)?;
        let text = fs::read_to_string(&log).context("h2load's log")?;
        fs::remove_file(&log)?;
        latencies(&text)
    }

    fn run(&self, more: &[String], duration: Duration) -> anyhow::Result<Served> {
        let output = self
            .command(more, duration)?
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.program.display().to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "h2load failed: {errors}");
        summary(&text).with_context(|| format!("h2load's words are not understood:\n{text}{errors}"))?
    }

    fn command(&self, more: &[String], duration: Duration) -> anyhow::Result<Command> {
        let scheme = if self.case.tls() { "https" } else { "http" };
        let urls = self.urls(scheme)?;
        let mut command = Command::new("taskset");
        command.args(["-c", &self.cores.load.to_string()]).arg(self.program);
        command.env("LD_LIBRARY_PATH", self.libraries);
        command.arg(format!("--connect-to=127.0.0.1:{}", self.port)).arg("-i").arg(urls);
        command.args(["-t", "1", "-c", &self.connections().to_string()]);
        command.args(["-D", &duration.as_secs_f64().to_string()]).args(more);
        command.args(FIELDS.iter().flat_map(|field| ["-H", field]));
        if self.case.http2() {
            command.args(["-m", &STREAMS.to_string()]);
        } else {
            command.arg("--h1");
        }
        Ok(command)
    }

    fn urls(&self, scheme: &str) -> anyhow::Result<PathBuf> {
        let file = self.folder.join("urls");
        let urls =
            self.case.paths().into_iter().map(|path| format!("{scheme}://{HOST}:{}{path}\n", self.port));
        fs::write(&file, urls.collect::<String>())?;
        Ok(file)
    }

    fn connections(&self) -> u32 {
        if self.case.http2() { CONNECTIONS / STREAMS } else { CONNECTIONS }
    }
}

/// Reads `finished in 2.00s, 28790.00 req/s, ...` and `requests: ... 57580 done, 57580 succeeded, 0 failed, ...`; an
/// inner error if a request failed.
fn summary(text: &str) -> Option<anyhow::Result<Served>> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let number = |line: &str, unit: &str| -> Option<f64> {
        line.split(", ").find_map(|part| part.trim().strip_suffix(unit)?.trim().parse().ok())
    };
    let (finished, requests, statuses) =
        (line("finished in ")?, line("requests: ")?, line("status codes: ")?);
    let count = |unit: &str| number(requests, unit);
    let (done, failed, errored) = (count("succeeded")?, count("failed")?, count("errored")?);
    let wrong: f64 = ["4xx", "5xx"].iter().filter_map(|class| number(statuses, class)).sum();
    if failed + errored + wrong > 0.0 || done == 0.0 {
        let told = format!("requests: {requests}; status codes: {statuses}");
        return Some(Err(anyhow::anyhow!("not all requests were served: {told}")));
    }
    Some(Ok(Served { requests: done, rps: number(finished, "req/s")? }))
}

/// Quantiles, by the nearest rank, of the third column.
fn latencies(log: &str) -> anyhow::Result<Latencies> {
    let mut times: Vec<u32> =
        log.lines().filter_map(|line| line.split('\t').nth(2)?.trim().parse().ok()).collect();
    ensure!(!times.is_empty(), "h2load has logged no request");
    times.sort_unstable();
    let at = |per_mille: usize| f64::from(times[(times.len() * per_mille).div_ceil(1000) - 1]);
    Ok(Latencies { p50: at(500), p99: at(990), p999: at(999) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "\nfinished in 2.00s, 28790.50 req/s, 33.02MB/s\n\
        requests: 57581 total, 57641 started, 57581 done, 57581 succeeded, 0 failed, 0 errored, 0 timeout\n\
        status codes: 57581 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn the_summary_is_read() {
        let served = summary(WORDS).unwrap().unwrap();
        assert_eq!((served.requests, served.rps), (57_581.0, 28_790.5));
        assert!(summary("").is_none());
    }

    #[test]
    fn an_answer_that_is_wrong_is_an_error() {
        for (right, wrong) in
            [("0 5xx", "3 5xx"), ("0 failed", "1 failed"), ("57581 succeeded", "0 succeeded")]
        {
            let error = summary(&WORDS.replace(right, wrong)).unwrap().unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let log = (1..=1000).map(|time| format!("1700000000\t200\t{time}")).collect::<Vec<_>>().join("\n");
        let found = latencies(&log).unwrap();
        assert_eq!((found.p50, found.p99, found.p999), (500.0, 990.0, 999.0));
        assert!(latencies("").is_err());
    }
}
