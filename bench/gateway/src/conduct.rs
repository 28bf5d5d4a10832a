//! Conducts a run: all proxies in all cases, round by round, so that a slow minute of the machine hits them alike.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::args::Args;
use crate::cores::Cores;
use crate::figures::{Findings, Setting};
use crate::proxies::{Kind, find};
use crate::run::Bench;
use crate::{backend, files, report};

/// A proxy that takes part.
struct Player {
    kind: Kind,
    program: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut setting = Setting::now(args.rounds(), args.duration().as_secs(), args.rate);
    files::raise_limit();
    let cores = Cores::choose()?;
    cores.stay_off_the_proxys()?;
    let libraries = args.rivals.join("debian/usr/lib/x86_64-linux-gnu");
    let h2load = find(&args.rivals.join("debian/usr/bin"), "h2load")
        .context("h2load is not there: run rivals.sh, or install nghttp2-client")?;
    let players = players(args, &libraries, &mut setting)?;
    let bench = Bench {
        libraries: &libraries,
        h2load: &h2load,
        cores,
        backend: backend::start()?,
        rate: args.rate,
        duration: args.duration(),
    };
    let awake = cores.keep_awake()?;
    let mut figures = vec![];
    for round in 0..args.rounds() {
        for case in args.cases() {
            for turn in 0..players.len() {
                // Each proxy is the first one in some round.
                let player = &players[(turn + round as usize) % players.len()];
                let what = format!("{} in {}", player.kind.name(), case.name());
                match bench.measure(player.kind, &player.program, case) {
                    Ok(Some(figure)) => {
                        println!("{}", serde_json::to_string(&figure)?);
                        figures.push(figure);
                    }
                    Ok(None) => setting.leave_out(&format!("{what}: it cannot do that")),
                    Err(error) => setting.leave_out(&format!("{error:#}")),
                }
            }
        }
    }
    drop(awake);
    let places = args.places();
    let findings = Findings::of(&figures, setting);
    findings.write(&places.out)?;
    report::write(&findings, &places)
}

fn players(args: &Args, libraries: &std::path::Path, setting: &mut Setting) -> anyhow::Result<Vec<Player>> {
    let beside = std::env::current_exe()?.with_file_name("region-gateway");
    let gateway = args.gateway.clone().unwrap_or(beside);
    let mut players = vec![];
    for kind in args.proxies() {
        match kind.program(&gateway, &args.rivals) {
            Some(program) => {
                setting.versions.push((kind, kind.version(&program, libraries)));
                players.push(Player { kind, program });
            }
            None => setting.leave_out(&format!("{}: its program is not there", kind.name())),
        }
    }
    ensure!(!players.is_empty(), "no proxy is there to be measured");
    Ok(players)
}
