//! The conductor: which cases there are, and their runs, each in a child of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, ensure};

use crate::{
    args::{Args, root},
    by_name,
    case::{Allocator, Fill, Map, Outcome, Pass},
    figures::{self, Figure, Findings, HubFigure, Setting},
    fill::TIMES,
    hub, machine, report,
    round::{Round, rounds},
    sequence,
    spread::Runs,
    tally::Tally,
};

/// What glibc is told where the allocator shall be warm: to take no block from the kernel by itself, and to give
/// nothing back. What was freed once then serves every later allocation (mallopt(3)).
const KEEP: &str = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1000000000000";

/// Throughput needs no minimum for each operation: the fastest of three runs will do, and saves minutes.
const THROUGHPUT_RUNS: u32 = 3;

/// Where children are and work.
struct Stage {
    this: PathBuf,
    go: Option<PathBuf>,
    work: PathBuf,
}

/// Runs everything and writes what was found.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (start, places) = (Instant::now(), args.places());
    let stage = Stage::build(&places.out)?;
    let runs = args.runs.unwrap_or(if args.quick { 2 } else { 5 });
    if args.only_hub {
        return play_the_hub_again(&stage, runs, args);
    }
    let machine = machine::describe(); // before this process is pinned and sees one core
    let hub = if args.no_hub { figures::hub(&places.out)? } else { stage.hub(runs, args)? };
    machine::pin()?;
    let maps = stage.maps(&args.maps);
    let mut figures = vec![];
    for round in rounds(args) {
        figures.extend(stage.play(round, &maps, runs)?);
    }
    let names = by_name::conduct(&stage.this, &stage.work, args)?;
    fs::remove_dir_all(&stage.work)?;
    let setting = Setting {
        machine,
        date: machine::date(),
        commit: machine::commit(),
        command: command(args),
        runs,
        clock_ns: machine::clock_ns(),
        seconds: start.elapsed().as_secs(),
    };
    let findings = Findings { figures, names, hub, setting };
    findings.write(&places.out)?;
    report::write(&findings, &places)
}

/// The hub's figures tell their own date, commit and runs, so that the setting of the others stays as it was.
fn play_the_hub_again(stage: &Stage, runs: u32, args: &Args) -> anyhow::Result<()> {
    let places = args.places();
    let mut findings = Findings::read(&places.out)?;
    findings.hub = stage.hub(runs, args)?;
    fs::remove_dir_all(&stage.work)?;
    findings.write_hub(&places.out)?;
    report::write(&findings, &places)
}

fn command(args: &Args) -> String {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let full = given.is_empty() && !args.quick;
    if full {
        "make bench-placement".to_owned()
    } else {
        format!("spillway-bench-placement {}", given.join(" "))
    }
}

impl Stage {
    /// Finds this program, compiles the one in Go if there is a `go`, and makes the folders.
    fn build(out: &Path) -> anyhow::Result<Self> {
        let out = std::path::absolute(out)?;
        let work = out.join("work");
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        let go = out.join("go-map");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&go)
            .arg(".")
            .current_dir(root().join("bench/placement/go"))
            .status();
        let go = match built {
            Ok(status) => {
                ensure!(status.success(), "go build in bench/placement/go failed");
                Some(go)
            }
            Err(error) => {
                eprintln!("Go's map is left out: cannot run `go`: {error}");
                None
            }
        };
        Ok(Self { this: std::env::current_exe()?, go, work })
    }

    fn hub(&self, runs: u32, args: &Args) -> anyhow::Result<Vec<HubFigure>> {
        hub::conduct(&self.this, runs, args.quick)
    }

    fn maps(&self, wanted: &[Map]) -> Vec<Map> {
        let all = Map::all().iter().copied();
        all.filter(|map| {
            (wanted.is_empty() || wanted.contains(map)) && (*map != Map::Go || self.go.is_some())
        })
        .collect()
    }

    fn play(&self, round: Round, maps: &[Map], runs: u32) -> anyhow::Result<Vec<Figure>> {
        let start = Instant::now();
        sequence::prepare(&self.work, round.entries)?;
        let mut tallies: Vec<Tally> = maps.iter().map(|_| Tally::default()).collect();
        for run in 0..runs {
            for (map, tally) in maps.iter().zip(&mut tallies) {
                self.clock(round, *map, &mut tally.runs)?;
                if run < THROUGHPUT_RUNS {
                    tally.outcomes.push(self.throughput(round, *map)?);
                }
            }
        }
        let Round { entries, order, allocator } = round;
        eprintln!("{entries} rows, {order:?}, {allocator:?}: {:.1} s", start.elapsed().as_secs_f64());
        Ok(maps.iter().zip(tallies).map(|(map, tally)| tally.figure(round, *map)).collect())
    }

    fn clock(&self, round: Round, map: Map, runs: &mut Runs) -> anyhow::Result<()> {
        self.child(&self.fill(round, map, Pass::Clock))?;
        runs.add(sequence::read(&self.work.join(TIMES), round.entries)?);
        Ok(())
    }

    fn throughput(&self, round: Round, map: Map) -> anyhow::Result<Outcome> {
        let said = self.child(&self.fill(round, map, Pass::Throughput))?;
        serde_json::from_slice(&said)
            .with_context(|| format!("the child for {} said something else", map.name()))
    }

    fn fill(&self, round: Round, map: Map, pass: Pass) -> Fill {
        let Round { entries, order, allocator } = round;
        Fill { map, entries, order, allocator, pass, work: self.work.clone() }
    }

    /// Runs a child to its end and returns what it printed.
    fn child(&self, fill: &Fill) -> anyhow::Result<Vec<u8>> {
        let mut command = match &self.go {
            Some(go) if fill.map == Map::Go => Command::new(go),
            _ => Command::new(&self.this),
        };
        if fill.map != Map::Go {
            command.arg("fill");
        }
        command.args(fill.arguments()).env_remove("GLIBC_TUNABLES");
        if fill.allocator == Allocator::Warm {
            command.env("GLIBC_TUNABLES", KEEP);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "{:?} ended with {}", fill.arguments(), output.status);
        Ok(output.stdout)
    }
}
